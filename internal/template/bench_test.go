package template

import "testing"

// sendFormat is the default of send-log-format (logging.md, section 2).
const sendFormat = `[{$date}] {$result.state}:{$result.result} {$attempt} <{if $email.envelope}{$email.envelope}{/if}> <{$email.recipient}> [{$result.from}] [{$result.to}] {$email.tags} {$result.code} {$result.status} {$result.description}`

var (
	email = []byte(`{"envelope":"a@example.com","recipient":"b@example.org","tags":["a","b"],"key":"8ad8b3e0e1f64d0a","campaign":"autumn-sale","customer-id":1234567,"maxattempts":20,"queues":{"results":"results","success":""},"results":[{"attempt":1,"state":"message","result":"accepted"}]}`)

	result = []byte(`{"attempt":1,"state":"message","result":"accepted","time":"2018-08-29 07:20:16","mta":"mx1.example.org","from":"192.0.2.1","to":"192.0.2.9","messages":1,"cipher":{"name":"TLS_AES_128_GCM_SHA256","protocol":"TLSv1.3"},"code":250,"status":"2.0.0","description":"Ok","dsn":true}`)
)

func sendEnv() *Env {
	return &Env{Vars: []Value{Object([]Member{
		{"date", String("2018-08-29 07:20:16")}, {"attempt", Int(1)}, {"email", JSON(email)}, {"result", JSON(result)},
	})}}
}

func TestSendLine(t *testing.T) {
	tpl, err := Compile(sendFormat)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[2018-08-29 07:20:16] message:accepted 1 <a@example.com> <b@example.org> [192.0.2.1] [192.0.2.9] [ "a", "b" ] 250 2.0.0 Ok`
	if got, err := tpl.Render(sendEnv()); got != want || err != nil {
		t.Errorf("got  %q, %v\nwant %q", got, err, want)
	}
}

func BenchmarkSendLine(b *testing.B) {
	tpl, err := Compile(sendFormat)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var out []byte
	for b.Loop() {
		if out, err = tpl.Append(out[:0], sendEnv()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(sendFormat); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCacheHit(b *testing.B) {
	c := NewCache(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Compile(sendFormat); err != nil {
			b.Fatal(err)
		}
	}
}
