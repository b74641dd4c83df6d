package smtp

// statusLen is the length of the enhanced code that text begins with, 0 if there is none (RFC 3463 section 2: class 2, 4
// or 5, subject and detail of up to three digits). It must be followed by a blank or the end.
func statusLen(text []byte) int {
	if len(text) < 5 || text[1] != '.' || text[0] != '2' && text[0] != '4' && text[0] != '5' {
		return 0
	}
	subject := digits(text[2:])
	if subject == 0 || len(text) <= 2+subject || text[2+subject] != '.' {
		return 0
	}
	n := 3 + subject + digits(text[3+subject:])
	if n == 3+subject || len(text) > n && text[n] != ' ' && text[n] != '\t' && text[n] != '\n' {
		return 0
	}
	return n
}

// digits counts how many there are at the start, 0 when more than three.
func digits(text []byte) int {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	if n > 3 {
		return 0
	}
	return n
}

// internStatus spares the common codes an allocation.
func internStatus(s []byte) string {
	switch string(s) {
	case "2.0.0":
		return "2.0.0"
	case "2.1.5":
		return "2.1.5"
	case "2.6.0":
		return "2.6.0"
	case "4.7.0":
		return "4.7.0"
	case "5.1.1":
		return "5.1.1"
	case "5.7.1":
		return "5.7.1"
	}
	return string(s)
}
