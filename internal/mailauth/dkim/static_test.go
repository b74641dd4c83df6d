//go:build !openssl

package dkim

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The usual build is one static program: what loads libraries links it to glibc, and must not come in.
func TestUsualBuildIsStatic(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil || !strings.Contains(string(out), "crypto/rsa") {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "purego") {
		t.Error("purego is part of the usual build")
	}
	if engine, err := Fastest(); err != nil || engine.Name() != "go" {
		t.Error(engine.Name(), err)
	}
}

// The other build, which nobody makes by default, works too.
func TestOpenSSLBuild(t *testing.T) {
	cmd := exec.Command("go", "test", "-tags", "openssl", "-count", "1", "-run", "^(TestOpenSSL.*|TestVectorSignatures)$", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "ok") {
		t.Errorf("%v\n%s", err, out)
	}
}
