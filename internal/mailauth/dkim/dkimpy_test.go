package dkim

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

const install = "run as root: .ci/install (or: apt-get install -y --no-install-recommends python3-dkim python3-nacl opendkim-tools)"

// dkimpy asks an independent verifier: a list of words per mail, one per signature, top down.
func dkimpy(t *testing.T, mails [][]byte, dns map[string]string) (verdicts [][]string) {
	t.Helper()
	task, err := json.Marshal(map[string]any{"dns": dns, "mails": mails})
	if err != nil {
		t.Fatal(err)
	}
	python(t, "testdata/verify.py", task, &verdicts)
	return verdicts
}

var matrixHeaders = map[string]string{
	"plain": "From: Ann <ann@shop.test>\r\nTo: bob@customer.test\r\nSubject: Hello\r\nDate: Sun, 4 May 2025 12:00:00 +0000\r\n",
	"folded": "Received: from a\r\n\tby b;  now\r\nFROM: \"Ann,\r\n  of the shop\"\r\n\t<ann@shop.test>\r\nto:bob@customer.test,\r\n" +
		strings.Repeat("\tsomebody-with-a-long-name@customer.test,\r\n", 40) + "  last@customer.test  \r\nSubject:  two  blanks \t \r\n" +
		"Feedback-ID:   1:2:3\r\nReferences:\r\n <1@a>\r\n <2@a>\r\nX-Other: not signed\r\n",
	"repeated": "From: ann@shop.test\r\nSubject: first\r\nTo: a@b.test\r\nSubject: second\r\nList-Id: x\r\nSubject:third\r\nFeedback-ID: a\r\nFeedback-ID: b\r\n",
	"eight-bit": "From: J\xc3\xbcrgen <ann@shop.test>\r\nSubject: Gr\xfc\xdfe \xff\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n" +
		"List-Unsubscribe: <https://shop.test/?a=1;b=2>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
	"bare": "Subject:\r\nFrom: ann@shop.test\r\n",
}

var matrixBodies = map[string]string{
	"none":             "", // not even the blank line
	"empty":            "\r\n",
	"blank lines":      "\r\n\r\n \t\r\n\r\n",
	"text":             "\r\nHello,\r\n\r\nthis is  all.\t \r\n",
	"no final newline": "\r\nHello",
	"trailing":         "\r\nHello \r\n\r\n\r\n\r\n",
	"leading":          "\r\n\r\n\r\n  Hello\r\n",
	"dots":             "\r\n.\r\n..\r\n.. two\r\nend.\r\n.\r\n",
	"eight-bit":        "\r\nGr\xc3\xbc\xc3\x9fe \xff\xfe\x80\r\n",
	"tabs":             "\r\n\tone\t\ttwo \t three\t\r\n\t\r\n \t x\r\n",
	"long":             "\r\n" + strings.Repeat("word  word\t", 3000) + "\r\n",
	"many lines":       "\r\n" + strings.Repeat("a line of text, with  two blanks \r\n", 500),
}

var matrixForms = []string{"", "simple/simple", "simple/relaxed", "relaxed/relaxed"}

// matrixKeys are those of one form: all kinds of keys and options.
func matrixKeys(t *testing.T, l *Loader, texts []string, form string) (list []*Key) {
	for i, text := range texts {
		list = append(list, keyOf(t, l, Spec{
			Domain: "shop.test", Selector: "k" + string(rune('0'+i)), Private: text, Canonicalization: form, Priority: -i,
			Headers: []string{"Feedback-ID"}, Oversign: i%2 == 0, Report: i == 1, Expire: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		}))
	}
	return list
}

// Every signature of a matrix of mails is good for a verifier that shares no code with us, and bad after a change.
func TestIndependentVerifier(t *testing.T) {
	loader := NewLoader(testEngine(t), 0)
	texts := []string{newRSA(t, 2048), seed, string(read(t, "rfc6376.pem"))}
	signer := NewSigner(SignerOptions{Now: func() time.Time { return time.Date(2025, 5, 4, 12, 0, 0, 0, time.UTC) }})
	defer signer.Close()
	var names []string
	var mails, spoiled [][]byte
	dns := map[string]string{}
	for _, form := range matrixForms {
		keys := matrixKeys(t, loader, texts, form)
		for _, k := range keys {
			dns[k.Selector+"._domainkey."+k.Domain] = k.private.record()
		}
		for h, header := range matrixHeaders {
			for b, body := range matrixBodies {
				source := []byte(header + body)
				fields, err := signer.Sign(context.Background(), source, keys)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, form+", "+h+", "+b)
				mails = append(mails, append(fields, source...))
				spoiled = append(spoiled, spoil(slices.Concat(fields, source), len(spoiled)))
			}
		}
	}
	for i, verdicts := range dkimpy(t, slices.Concat(mails, spoiled), dns) {
		want, mail := "pass", i
		if i >= len(mails) {
			want, mail = "fail", i-len(mails)
		}
		good := len(verdicts) == len(texts)
		for _, verdict := range verdicts {
			good = good && (verdict == want || want == "fail" && verdict != "pass")
		}
		if !good {
			t.Errorf("%s: %q, want %s", names[mail], verdicts, want)
		}
	}
	for i, mail := range mails {
		for j, err := range verify(mail, dns) {
			if err != nil {
				t.Errorf("%s: signature %d: %v", names[i], j, err)
			}
		}
	}
}

// spoil changes a signed mail in one of several ways that each must break every signature.
func spoil(mail []byte, way int) []byte {
	switch way % 4 {
	case 0: // another From in front, which a reader would show
		return append([]byte("From: boss@bank.test\r\n"), mail...)
	case 1:
		return bytes.Replace(mail, []byte("ann@shop.test"), []byte("eve@shop.test"), 1)
	case 2: // another Subject right before the last one
		at := bytes.Index(bytes.ToLower(mail), []byte("\r\nsubject")) + 2
		return slices.Concat(mail[:at], []byte("Subject: You won\r\n"), mail[at:])
	}
	if !bytes.Contains(mail, []byte("\r\n\r\n")) {
		mail = append(mail, "\r\n"...)
	}
	return append(bytes.TrimRight(mail, " \t"), "one more line\r\n"...)
}

// signedByDkimpy are mails with two signatures each: with an RSA key as selector r, and with the usual one of Ed25519 as e.
func signedByDkimpy(t *testing.T, form, rsaText string, sources [][]byte) (mails [][]byte) {
	t.Helper()
	task, err := json.Marshal(map[string]any{"form": form, "rsa": rsaText, "ed25519": seed, "mails": sources})
	if err != nil {
		t.Fatal(err)
	}
	python(t, "testdata/sign.py", task, &mails)
	return mails
}

// python runs a script with Debian's Python, which has the packages.
func python(t *testing.T, script string, task []byte, answer any) {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", script)
	var complaints strings.Builder
	cmd.Stdin, cmd.Stderr = bytes.NewReader(task), &complaints
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, answer)
	}
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, complaints.String(), install)
	}
}
