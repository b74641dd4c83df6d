package store

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// reader holds what of an address has not been read yet.
type reader struct {
	scheme  string
	text    string // without options
	options map[string]string
}

// readOptions cuts them off. What stands before the last @ can be a password with a question mark.
func (r *reader) readOptions() error {
	from := 0
	if r.scheme != Dir && r.scheme != SQLite {
		from = strings.LastIndexByte(r.text, '@') + 1
	}
	r.options = map[string]string{}
	at := strings.IndexByte(r.text[from:], '?')
	if at < 0 {
		return nil
	}
	query := r.text[from+at+1:]
	r.text = r.text[:from+at]
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		value, err := url.PathUnescape(value)
		if err != nil || name == "" {
			return errors.New("behind ? stand options as name=value, parted by &; a % in a value is %25")
		}
		if _, twice := r.options[name]; twice {
			return fmt.Errorf("the option %.40q is there twice", name)
		}
		r.options[name] = value
	}
	return nil
}

// take removes an option.
func (r *reader) take(name string) (value string, ok bool) {
	value, ok = r.options[name]
	delete(r.options, name)
	return value, ok
}

func (r *reader) readCompression(a *Address) error {
	value, ok := r.take("compression")
	if ok && value != Gzip {
		return errors.New("the option compression is gzip, or absent")
	}
	a.Gzip = ok
	return nil
}

func (r *reader) number(name string, absent, least, most int) (int, error) {
	value, ok := r.take(name)
	if !ok {
		return absent, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("the option %s is a number from %d to %d", name, least, most)
	}
	return n, nil
}

// rest takes all options that are left.
func (r *reader) rest() url.Values {
	all := url.Values{}
	for name, value := range r.options {
		all.Set(name, value)
	}
	r.options = nil
	return all
}

// nothingLeft refuses options that nobody has read. Their values may be secret.
func (r *reader) nothingLeft() error {
	for _, name := range slices.Sorted(maps.Keys(r.options)) {
		return fmt.Errorf("there is no option %.40q", name)
	}
	return nil
}

// login is user:password as it stands in the text, and what follows the @.
func (r *reader) login() (login, place string) {
	at := strings.LastIndexByte(r.text, '@')
	return r.text[:max(at, 0)], r.text[at+1:]
}

// user reads user:password@ and returns what follows.
func (r *reader) user(a *Address) (place string, err error) {
	login, place := r.login()
	name, password, _ := strings.Cut(login, ":")
	if a.User, err = decode("user", name); err != nil {
		return "", err
	}
	a.secret, err = decode("password", password)
	return place, err
}

func decode(what, text string) (string, error) {
	plain, err := url.PathUnescape(text)
	if err != nil {
		return "", fmt.Errorf("the %s has a %% that is not percent-encoding (write %%25)", what)
	}
	if strings.ContainsAny(plain, "\x00\r\n") {
		return "", fmt.Errorf("the %s has a control character", what)
	}
	return plain, nil
}

func decodeAll(what string, texts []string) ([]string, error) {
	for i, text := range texts {
		plain, err := decode(what, text)
		if err != nil {
			return nil, err
		}
		texts[i] = plain
	}
	return texts, nil
}
