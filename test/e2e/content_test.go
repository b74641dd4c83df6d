package e2e

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	netmail "net/mail"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"posthoorn/internal/testbed"
)

// rsaKey and edKey are a private key as its owner writes it down, and the TXT record of its public half.
func rsaKey(t *testing.T) (private, record string) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return keyText(t, k), "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&k.PublicKey))
}

func edKey(t *testing.T) (private, record string) {
	t.Helper()
	public, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return keyText(t, k), "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
}

func keyText(t *testing.T, k any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// verdicts are what dkimpy says of the signatures of a mail, top down.
func verdicts(t *testing.T, records map[string]string, source []byte) []string {
	t.Helper()
	task, err := json.Marshal(map[string]any{"dns": records, "mails": []string{base64.StdEncoding.EncodeToString(source)}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "../../internal/mailauth/dkim/testdata/verify.py")
	cmd.Stdin = bytes.NewReader(task)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("dkimpy (.ci/install installs it): %v", err)
	}
	var list [][]string
	if err := json.Unmarshal(out, &list); err != nil || len(list) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	return list[0]
}

// What arrives carries signatures that another program finds good, whatever the source looked like; the private keys are in no
// result (message-json.md section 6).
func TestSignedMailArrivesSigned(t *testing.T) {
	first, firstRecord := rsaKey(t)
	second, secondRecord := edKey(t)
	records := map[string]string{"r._domainkey.shop.test": firstRecord, "e._domainkey.shop.test": secondRecord}
	sources := []string{
		"From: a@shop.test\r\nSubject: plain\r\n\r\nhello\r\n",
		"From: a@shop.test\nSubject: bare line ends\n\n.a dot\n..two\nno end",
		"From: a@shop.test\r\nSubject: caf\u00e9s\r\n folded\r\n\r\ncaf\u00e9 \t \r\n\r\n\r\n",
		"From: a@shop.test\r\nSubject: empty\r\n\r\n",
	}
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		for i, source := range sources {
			body, _ := json.Marshal(map[string]any{
				"recipient": "you@x.test", "envelope": "a@shop.test", "mime": source, "number": i,
				"dkim": []any{map[string]any{"domain": "shop.test", "selector": "r", "key": first}, map[string]any{"domain": "shop.test", "selector": "e", "key": second, "priority": -1, "canonicalization": "relaxed/relaxed"}},
			})
			r.publish("%s", body)
		}
		for _, o := range r.take("success", len(sources)) {
			if bytes.Contains(o.raw, []byte("PRIVATE KEY")) || o.fields["dkim"] != nil {
				t.Errorf("a private key is in the result: %s", o.raw)
			}
		}
		for _, m := range r.sink.Messages() {
			if got := verdicts(t, records, m.Source); !slices.Equal(got, []string{"pass", "pass"}) {
				t.Errorf("%v:\n%s", got, m.Source)
			}
		}
		r.publish(`{"recipient":"you@x.test","mime":"From: a@shop.test\r\n\r\nx","dkim":{"domain":"shop.test","selector":"r","key":"none"}}`)
		if o := r.one("failure"); o.last().brief() != "data/error 554 5.7.0" {
			t.Errorf("%s", o.raw)
		}
		r.publish(`{"recipient":"you@x.test","mime":"From: a@shop.test\r\n\r\nx","force":true,"dkim":{"domain":"shop.test","selector":"r","key":"none"}}`)
		r.one("success")
	})
}

// Keys of the settings sign the mail of the domains that their patterns name, once their public halves are in the DNS
// (delivery-control.md section 8).
func TestKeysOfTheSettingsSign(t *testing.T) {
	t.Parallel()
	good, goodRecord := rsaKey(t)
	unknown, _ := rsaKey(t)
	zone := defaultZone + "good._domainkey.shop.test TXT \"" + goodRecord + "\"\n"
	onEmbedded(t, setup{zone: zone}, func(t *testing.T, r *rig) {
		r.set("dkim_keys", row{"id": 1, "domain": "shop.test", "selector": "good", "privatekey": good}, row{"id": 2, "domain": "shop.test", "selector": "unknown", "privatekey": unknown})
		r.set("dkim_patterns", row{"key_id": 1, "type": "fnmatch", "sign": "*.shop.test"}, row{"key_id": 2, "type": "fnmatch", "sign": "*.shop.test"})
		r.publish(`{"recipient":"signed@x.test","mime":"From: a@news.shop.test\r\n\r\nx"}` + "\n" + `{"recipient":"bare@x.test","mime":"From: a@other.test\r\n\r\nx"}`)
		r.take("success", 2)
		if got := verdicts(t, map[string]string{"good._domainkey.shop.test": goodRecord}, r.received("signed@x.test").Source); !slices.Equal(got, []string{"pass"}) {
			t.Errorf("%v", got)
		}
		if m := r.received("bare@x.test"); bytes.Contains(m.Source, []byte("DKIM-Signature")) {
			t.Errorf("signed by a key of another domain:\n%s", m.Source)
		}
	})
}

// A message that asks for all steps gets them in their order: the signature is over what the recipient sees.
func TestTemplatesSheetsAndHeaders(t *testing.T) {
	key, record := rsaKey(t)
	message := map[string]any{
		"envelope": "a@shop.test", "recipient": "ada@x.test",
		"mime": "From: {$shop} <a@shop.test>\r\nTo: {$name} <{$recipient}>\r\nSubject: {$name}, your points\r\nX-Old: 1\r\nMIME-Version: 1.0\r\n" +
			"Content-Type: text/html; charset=utf-8\r\n\r\n<style>p { color: navy }</style><p>{if $points > 100}Gold{else}Silver{/if}, {$name|escape}</p>\r\n",
		"data":      map[string]any{"shop": "Caf\u00e9, Corner", "name": "Ada\r\nBcc: evil@x.test", "points": 120},
		"inlinecss": true,
		"headers":   map[string]any{"remove": "x-old", "append": map[string]string{"X-New": "a\r\nX-Evil: 1"}},
		"dkim":      map[string]any{"domain": "shop.test", "selector": "s", "key": key, "headers": []string{"x-new"}},
	}
	onBoth(t, setup{}, func(t *testing.T, r *rig) {
		body, _ := json.Marshal(message)
		r.publish("%s", body)
		o := r.one("success")
		source := r.received("ada@x.test").Source
		if got := verdicts(t, map[string]string{"s._domainkey.shop.test": record}, source); !slices.Equal(got, []string{"pass"}) {
			t.Errorf("%v", got)
		}
		m, err := netmail.ReadMessage(bytes.NewReader(source))
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get("Bcc") != "" || m.Header.Get("X-Evil") != "" || m.Header.Get("X-Old") != "" || m.Header.Get("X-New") == "" {
			t.Errorf("header:\n%s", source)
		}
		if to, err := m.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != "ada@x.test" {
			t.Errorf("To: %v, %v", to, err)
		}
		if from, err := m.Header.AddressList("From"); err != nil || len(from) != 1 || from[0].Name != "Caf\u00e9, Corner" {
			t.Errorf("From: %v, %v", from, err)
		}
		if !bytes.Contains(source, []byte("color: navy")) || bytes.Contains(source, []byte("<style>")) || !bytes.Contains(source, []byte("Gold")) {
			t.Errorf("body:\n%s", source)
		}
		if !bytes.Contains(o.fields["extracted"], []byte(`"from":"a@shop.test"`)) || !bytes.Contains(o.fields["extracted"], []byte("your points")) {
			t.Errorf("extracted: %s", o.fields["extracted"])
		}
		for bad, want := range map[string]string{
			`"mime":"Subject: {nonsense}\r\n\r\n","data":{}`:   "personalize/error 554 5.6.0",
			`"mime":"Subject: x\r\n\r\n{1/0}","data":{}`:       "personalize/error 554 5.6.0",
			`"mime":"x","data":7`:                              "personalize/error 554 5.6.0",
			`"mime":"x","headers":{"append":{"Bad Name":"x"}}`: "rewrite/error 554 5.6.0",
			`"mime":7`: "responsive/error 554 5.6.5",
		} {
			r.publish(`{"recipient":"bad@x.test",%s}`, bad)
			if o := r.one("failure"); o.last().brief() != want {
				t.Errorf("%s: %s", bad, o.raw)
			}
		}
	})
}

// A source that goes through the store comes out as it went in, and is not kept longer than needed (storage.md).
func TestMessageStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	onEmbedded(t, setup{keys: map[string]string{"storage-address": "dir://" + dir, "storage-reschedule": "1"}}, func(t *testing.T, r *rig) {
		r.command("Subject: x\r\n\r\nby the store\r\n", "--envelope", "me@sender.test", "you@x.test")
		o := r.one("success")
		if o.Key != nil || o.Mime != nil {
			t.Errorf("%s", o.raw)
		}
		if m := r.sink.Messages(); len(m) != 1 || !strings.HasSuffix(string(m[0].Source), "\r\n\r\nby the store\r\n") {
			t.Errorf("%+v", m)
		}
		eventually(t, "an empty store", func() bool { return len(files(t, dir)) == 0 })

		r.publish(`{"recipient":"you@x.test","key":"../../etc/passwd"}`)
		if o := r.one("failure"); o.last().brief() != "storage/error 554 5.3.0" {
			t.Errorf("%s", o.raw)
		}
		r.publish(`{"recipient":"defer.1@x.test","mime":"Subject: y\r\n\r\nlater","retries":[1]}`)
		o = r.one("retry")
		if o.Key == nil || o.Mime != nil || !strings.HasPrefix(*o.Key, "ph-") {
			t.Errorf("what is tried again is not in the store: %s", o.raw)
		}
		r.one("success")
		r.publish(`{"recipient":"you@x.test","mime":"Subject: z\r\n\r\nkept","keepmime":true}`)
		if o = r.one("success"); o.Key == nil || o.Mime != nil {
			t.Errorf("keepmime: %s", o.raw)
		}
		eventually(t, "one body in the store", func() bool { return len(files(t, dir)) == 1 })
	})
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	for depth := range 6 {
		found, err := filepath.Glob(dir + strings.Repeat("/*", depth+1))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if strings.HasPrefix(filepath.Base(f), "ph-") {
				list = append(list, f)
			}
		}
	}
	return list
}

// Each engine keeps what is tried again under a key of ours, and nothing of it when the message is finished.
func TestEveryStore(t *testing.T) {
	t.Parallel()
	ferret, versity := testbed.FerretDB(t), testbed.VersityGW(t)
	postgres, maria := databases.PostgreSQL(t), databases.MariaDB(t)
	login := url.UserPassword(testbed.S3User, testbed.S3Password).String()
	for _, address := range []string{
		"dir://" + t.TempDir() + "?depth=1", "sqlite://" + t.TempDir() + "/bodies.db?compression=gzip",
		postgres.Address(postgres.NewDatabase(t)), maria.Address(maria.NewDatabase(t)),
		"mongodb://" + ferret.Addr() + "/" + ferret.NewName() + "/messages/",
		"s3://" + login + "@" + testbed.S3Region + "/" + versity.NewBucket(t) + "?endpoint=" + url.QueryEscape("http://"+versity.Addr()),
	} {
		scheme, _, _ := strings.Cut(address, ":")
		t.Run(scheme, func(t *testing.T) {
			onEmbedded(t, setup{keys: map[string]string{"storage-address": address}}, func(t *testing.T, r *rig) {
				r.publish(`{"recipient":"defer.1@x.test","mime":"Subject: x\r\n\r\ntwice\r\n","retries":[1]}`)
				o := r.one("retry")
				if o.Key == nil || o.Mime != nil || !strings.HasPrefix(*o.Key, "ph-") {
					t.Fatalf("%s", o.raw)
				}
				r.one("results")
				if m := r.received("defer.1@x.test"); string(m.Source) != "Subject: x\r\n\r\ntwice\r\n" {
					t.Errorf("%q", m.Source)
				}
				eventually(t, "the body to be removed", func() bool {
					r.publish(`{"recipient":"again@x.test","key":%q}`, *o.Key)
					for _, o := range r.take("results", 1) {
						if o.last().brief() == "storage/error 554 5.3.0" {
							return true
						}
					}
					return false
				})
			})
		})
	}
}

// A store that does not answer delays its own messages and no others; no attempt is counted (storage.md section 4).
func TestStoreThatIsGone(t *testing.T) {
	t.Parallel()
	db := databases.PostgreSQL(t)
	name, link := db.NewDatabase(t), testbed.StartProxy(t, db.Addr())
	keys := map[string]string{"storage-address": db.AddressVia(link.Addr(), name), "storage-reschedule": "1", "storage-timeout": "5", "storage-policy": "none"}
	onEmbedded(t, setup{keys: keys}, func(t *testing.T, r *rig) {
		r.publish(`{"recipient":"nothing@x.test","key":"there"}`) // makes the table
		r.one("failure")
		db.Query(t, name, `INSERT INTO messages (id, value) VALUES ('theirs', convert_to('Subject: x'||chr(10)||chr(10)||'from the database', 'UTF8'));`)
		link.Blackhole(true)
		link.Cut()
		r.publish(`{"recipient":"stored@x.test","key":"theirs"}`)
		for i := range 20 {
			r.publish(`{"recipient":"u%d@x.test","mime":"Subject: at once\r\n\r\n"}`, i)
		}
		r.take("success", 20)
		eventually(t, "the message to wait", func() bool { return strings.Contains(r.command("", "backlog"), "x.test") })
		link.Blackhole(false)
		if o := r.one("success"); len(o.Results) != 1 || o.Results[0].Attempt != 1 {
			t.Errorf("%s", o.raw)
		}
		if m := r.received("stored@x.test"); string(m.Source) != "Subject: x\r\n\r\nfrom the database\r\n" {
			t.Errorf("%q", m.Source)
		}
		if rows := db.Query(t, name, `SELECT id FROM messages;`); !strings.Contains(rows, "theirs") {
			t.Error("a body that is not ours was removed")
		}
	})
}
