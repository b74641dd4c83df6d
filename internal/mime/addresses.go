package mime

// Addresses lists the addresses of a To, Cc, Bcc, From, Sender or Return-Path field (RFC 5322 section 3.4) as local@domain:
// display names, comments, group names and source routes are left out, quotes of a local part stay. Entries that hold no
// address are passed over; whether an address is valid is for the caller to say.
func Addresses(value []byte) []string {
	s := addressScanner{in: Unfold(value)}
	for s.pos < len(s.in) {
		s.next()
	}
	s.flush()
	return s.found
}

type addressScanner struct {
	in    []byte
	pos   int
	entry []byte // what has been read of the entry
	space bool   // a blank stands before the next byte
	words bool   // the entry has two words side by side: it is no bare address
	angle bool   // between < and >
	done  bool   // the > has been read
	found []string
}

func (s *addressScanner) next() {
	c := s.in[s.pos]
	switch {
	case c == '"':
		s.take(quotedLen(s.in[s.pos:]))
	case c == '[':
		s.take(literalLen(s.in[s.pos:]))
	case c == '(':
		s.pos += CommentLen(s.in[s.pos:])
		s.space = true
	case c == '<':
		s.restart()
		s.angle = true
	case c == '>' && s.angle:
		s.angle, s.done = false, true
		s.pos++
	case c == ':' && !s.done: // end of a group name or of a route
		s.restart()
	case (c == ',' && !s.angle) || c == ';':
		s.flush()
		s.pos++
	case c == ' ' || c == '\t':
		s.space = true
		s.pos++
	default:
		s.take(1)
	}
}

// restart forgets what was read of the entry: it was a display name, a group name or a route.
func (s *addressScanner) restart() {
	s.entry, s.words, s.space = s.entry[:0], false, false
	s.pos++
}

// take moves n bytes to the entry.
func (s *addressScanner) take(n int) {
	part := s.in[s.pos : s.pos+n]
	s.pos += n
	if s.done {
		return
	}
	if s.space && len(s.entry) > 0 && !joins(s.entry[len(s.entry)-1]) && !joins(part[0]) {
		s.words = true
	}
	s.space = false
	s.entry = append(s.entry, part...)
}

// joins says that blanks beside c do not separate words of an address (RFC 5322 section 4.4).
func joins(c byte) bool { return c == '.' || c == '@' }

func (s *addressScanner) flush() {
	if len(s.entry) > 0 && !s.words {
		s.found = append(s.found, string(s.entry))
	}
	s.entry, s.space, s.words, s.angle, s.done = s.entry[:0], false, false, false, false
}

// quotedLen is the length of the quoted-string at the start of b, or of b when it has no end.
func quotedLen[T string | []byte](b T) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func literalLen(b []byte) int {
	for i, c := range b {
		if c == ']' {
			return i + 1
		}
	}
	return len(b)
}

// CommentLen is the length of the comment at the start of b, nested ones included (RFC 5322 section 3.2.2); one without an end takes all.
func CommentLen[T string | []byte](b T) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}
