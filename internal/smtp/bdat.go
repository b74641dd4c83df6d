package smtp

import (
	"bytes"
	"strconv"
	"strings"
)

// ParseBDAT reads the argument of BDAT (RFC 3030 section 2): the size of the chunk in bytes, and whether it is the last one.
func ParseBDAT(arg []byte) (size int64, last bool, err error) {
	number, word, more := bytes.Cut(arg, []byte{' '})
	for _, c := range number {
		if c < '0' || c > '9' {
			return 0, false, syntax("5.5.4", "BDAT size [LAST] expected")
		}
	}
	size, numberErr := strconv.ParseInt(string(number), 10, 63)
	if numberErr != nil || more && !strings.EqualFold(string(bytes.TrimSpace(word)), "LAST") {
		return 0, false, syntax("5.5.4", "BDAT size [LAST] expected")
	}
	return size, more, nil
}
