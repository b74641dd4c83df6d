package store

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Schemes of an Address, which say the engine.
const (
	Dir        = "dir"
	SQLite     = "sqlite"
	MySQL      = "mysql" // or MariaDB
	PostgreSQL = "postgresql"
	MongoDB    = "mongodb"
	S3         = "s3"
)

// Address is the place of a store (storage.md section 1) in its parts, decoded. Those that an engine does not use are zero.
type Address struct {
	Scheme string
	Gzip   bool // data is compressed before it is stored; what is stored is read either way

	Path  string // Dir: the folder
	Depth int    // Dir: levels of nested folders

	Hosts        []string   // MongoDB: host or host:port
	ReplicaSet   string     // MongoDB
	User         string     // MongoDB, S3 (the access key); may be empty for MongoDB
	Database     string     // MongoDB
	Collection   string     // MongoDB
	ReadAttempts int        // MongoDB: how often a lookup is tried in all
	Driver       url.Values // MongoDB: options that its driver knows

	Region   string // S3
	Bucket   string // S3
	Endpoint string // S3: http(s)://host:port of another server than Amazon's

	secret string // may be the password, or an address that has it
	name   string
}

// String is the address without password and options.
func (a Address) String() string { return a.name }

// Secret is the password of User.
func (a Address) Secret() string { return a.secret }

// SQL is the address of a SQL database, password included, without the options that are ours.
func (a Address) SQL() string { return a.secret }

type scheme struct {
	name string // of the engine
	read func(*reader, *Address) error
}

var schemes = map[string]scheme{
	"dir": {Dir, readDir}, "directory": {Dir, readDir},
	"sqlite": {SQLite, readFile}, "mysql": {MySQL, readServer}, "mariadb": {MySQL, readServer},
	"postgresql": {PostgreSQL, readServer}, "postgres": {PostgreSQL, readServer},
	"mongodb": {MongoDB, readMongo}, "mongo": {MongoDB, readMongo},
	"s3": {S3, readS3},
}

const examples = "dir:///path, sqlite:///path, mysql://user:password@host/database, postgresql://user:password@host/database, " +
	"mongodb://host/database/collection or s3://accesskey:secretkey@region/bucket"

// ParseAddress reads an address of storage.md section 1. Parts may be percent-encoded; of a password only % and what ends an address
// must be. Errors say what is wrong and quote nothing that could be the password.
func ParseAddress(text string) (Address, error) {
	name, rest, found := strings.Cut(text, "://")
	name = strings.ToLower(name)
	s, known := schemes[name]
	switch {
	case found && name == "couchbase":
		return Address{}, errors.New("couchbase is not supported, since there is no server to test it with; use " + examples)
	case !found || !known:
		return Address{}, errors.New("a storage address is " + examples)
	case strings.ContainsFunc(text, unicode.IsControl):
		return Address{}, errors.New("the storage address has a control character")
	}
	a := Address{Scheme: s.name}
	r := &reader{scheme: s.name, text: rest}
	err := r.readOptions()
	if err == nil {
		err = r.readCompression(&a)
	}
	if err == nil {
		err = s.read(r, &a)
	}
	if err == nil {
		err = r.nothingLeft()
	}
	if err != nil {
		return Address{}, fmt.Errorf("%s address: %w", name, err)
	}
	return a, nil
}

func readDir(r *reader, a *Address) error {
	folder, err := decode("path", r.text)
	switch {
	case err != nil:
		return err
	case !strings.HasPrefix(folder, "/"):
		return errors.New("it has three slashes and the path of a folder, as in dir:///var/lib/messages")
	}
	a.Path = path.Clean(folder)
	a.Depth, err = r.number("depth", 4, 0, 8)
	a.name = (&url.URL{Scheme: Dir, Path: a.Path}).String()
	return err
}

// readFile leaves the details to the package of databases, which knows them.
func readFile(r *reader, a *Address) error {
	if !strings.HasPrefix(r.text, "/") {
		return errors.New("it has three slashes and the path of a file, as in sqlite:///var/lib/messages.db")
	}
	a.secret = SQLite + "://" + r.text
	a.name = a.secret
	return nil
}

func readServer(r *reader, a *Address) error {
	login, place := r.login()
	if host, database, _ := strings.Cut(place, "/"); host == "" || database == "" || strings.Contains(database, "/") {
		return errors.New("it is user:password@host/database")
	}
	user, _, _ := strings.Cut(login, ":")
	a.secret = a.Scheme + "://" + r.text
	if mode, ok := r.take("sslmode"); ok {
		a.secret += "?sslmode=" + url.QueryEscape(mode)
	}
	a.name = a.Scheme + "://" + user + "@" + place
	return nil
}

func readMongo(r *reader, a *Address) error {
	place, err := r.user(a)
	if err != nil {
		return err
	}
	hosts, rest, _ := strings.Cut(place, "/")
	if a.Hosts, err = readHosts(hosts); err != nil {
		return err
	}
	parts, err := decodeAll("path", strings.Split(strings.TrimSuffix(rest, "/"), "/"))
	if err != nil {
		return err
	}
	if len(parts) == 3 {
		a.ReplicaSet, parts = parts[0], parts[1:]
	}
	if set, ok := r.take("replicaSet"); ok {
		a.ReplicaSet = set
	}
	if len(parts) != 2 || slices.Contains(parts, "") {
		return errors.New("behind the hosts stand database/collection, or replicaset/database/collection")
	}
	a.Database, a.Collection = parts[0], parts[1]
	a.name = MongoDB + "://" + hosts + "/" + strings.TrimSuffix(rest, "/")
	if a.ReadAttempts, err = r.number("readAttempts", 1, 1, 100); err != nil {
		return err
	}
	// We ask for one message at a time, so the limit of those that are asked for together is always kept.
	if _, err = r.number("maxQuerySize", 1, 1, 1_000_000); err != nil {
		return err
	}
	a.Driver = r.rest()
	return nil
}

func readHosts(text string) ([]string, error) {
	hosts := strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == ',' })
	for _, host := range hosts {
		if !isHost(host) {
			return nil, errors.New("it has a bad host or port")
		}
	}
	if len(hosts) == 0 {
		return nil, errors.New("it has no host")
	}
	return hosts, nil
}

func isHost(text string) bool {
	if strings.ContainsAny(text, " %@?#/\\") {
		return false
	}
	bracketed := strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]")
	if !strings.Contains(text, ":") || bracketed {
		return text != ""
	}
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && n > 0 && host != ""
}

func readS3(r *reader, a *Address) error {
	place, err := r.user(a)
	if err != nil {
		return err
	}
	if a.User == "" || a.secret == "" {
		return errors.New("it has no login, as in s3://accesskey:secretkey@region/bucket; a / in a key may stand as it is")
	}
	region, bucket, _ := strings.Cut(strings.TrimSuffix(place, "/"), "/")
	if region == "" || bucket == "" || strings.ContainsAny(place, "%:\\ ") || strings.Contains(bucket, "/") {
		return errors.New("behind the login stand the region and the name of the bucket, as in eu-west-1/mail")
	}
	a.Region, a.Bucket = region, bucket
	a.name = S3 + "://" + region + "/" + bucket
	if endpoint, ok := r.take("endpoint"); ok {
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || !isHost(u.Host) || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return errors.New("the option endpoint is https://host or https://host:port")
		}
		a.Endpoint = u.Scheme + "://" + u.Host
	}
	return nil
}
