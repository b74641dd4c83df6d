//go:build openssl && linux

package dkim

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// libcrypto are the functions of OpenSSL 3 that sign, as addresses.
type libcrypto struct {
	version                                           string
	parse, freeKey                                    uintptr
	newContext, freeContext, begin, padding, md, sign uintptr
	sha256                                            uintptr // not a function: the algorithm
}

// names of the library: of version 3, and of whatever stands there (4 has the same functions).
var libraryNames = []string{"libcrypto.so.3", "libcrypto.so.4", "libcrypto.so"}

// openSSL loads the library. It stays loaded.
func openSSL() (Engine, error) {
	var all []error
	for _, name := range libraryNames {
		handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err == nil {
			var l *libcrypto
			if l, err = bind(handle); err == nil {
				return l, nil
			}
		}
		all = append(all, fmt.Errorf("%s: %w", name, err))
	}
	return nil, errors.Join(all...)
}

func bind(handle uintptr) (*libcrypto, error) {
	l := &libcrypto{}
	var number, text, sha uintptr
	for name, address := range map[string]*uintptr{
		"OpenSSL_version_num": &number, "OpenSSL_version": &text, "EVP_sha256": &sha,
		"d2i_PrivateKey": &l.parse, "EVP_PKEY_free": &l.freeKey,
		"EVP_PKEY_CTX_new": &l.newContext, "EVP_PKEY_CTX_free": &l.freeContext, "EVP_PKEY_sign_init": &l.begin,
		"EVP_PKEY_CTX_set_rsa_padding": &l.padding, "EVP_PKEY_CTX_set_signature_md": &l.md, "EVP_PKEY_sign": &l.sign,
	} {
		found, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, err
		}
		*address = found
	}
	if major := call(number) >> 28; major < 3 {
		return nil, fmt.Errorf("OpenSSL 3 or later is needed, this is %d", major)
	}
	var version func(int) string
	purego.RegisterFunc(&version, text)
	l.version, l.sha256 = version(0), call(sha)
	return l, nil
}

// Name is that of the library, such as OpenSSL 3.0.19 27 Jan 2026.
func (l *libcrypto) Name() string { return l.version }

// call calls a function. Pointers among args must be written as uintptr(unsafe.Pointer(p)) in the call itself.
//
//go:uintptrescapes
func call(function uintptr, args ...uintptr) uintptr {
	result, _, _ := purego.SyscallN(function, args...)
	return result
}

// worked says that a function with an int result did what it should.
//
//go:uintptrescapes
func worked(function uintptr, args ...uintptr) bool { return int32(call(function, args...)) > 0 }

// opensslKey is a key in the library. It may be used by any number of threads: what changes is in contexts, one per signature.
type opensslKey struct {
	library *libcrypto
	handle  uintptr
	size    int
}

const keyTypeRSA = 6 // EVP_PKEY_RSA

var errOpenSSL = errors.New("OpenSSL cannot do it")

// load hands a key over and tries it once, so that a library that is not what it seems signs nothing.
func (l *libcrypto) load(key *rsa.PrivateKey) (rsaKey, error) {
	der := x509.MarshalPKCS1PrivateKey(key)
	defer clear(der)
	at := new(uintptr)
	*at = uintptr(unsafe.Pointer(&der[0]))
	handle := call(l.parse, keyTypeRSA, 0, uintptr(unsafe.Pointer(at)), uintptr(len(der)))
	runtime.KeepAlive(der)
	if handle == 0 {
		return nil, errOpenSSL
	}
	k := &opensslKey{library: l, handle: handle, size: key.Size()}
	runtime.AddCleanup(k, func(handle uintptr) { call(l.freeKey, handle) }, handle)
	digest := sha256.Sum256(nil)
	signature, err := k.sign(digest[:])
	if err != nil {
		return nil, err
	}
	return k, rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature)
}

const paddingPKCS1 = 1 // RSA_PKCS1_PADDING

func (k *opensslKey) sign(digest []byte) ([]byte, error) {
	l := k.library
	context := call(l.newContext, k.handle, 0)
	if context == 0 {
		return nil, errOpenSSL
	}
	defer call(l.freeContext, context)
	defer runtime.KeepAlive(k)
	signature, size := make([]byte, k.size), new(uint)
	*size = uint(k.size)
	if !worked(l.begin, context) || !worked(l.padding, context, paddingPKCS1) || !worked(l.md, context, l.sha256) ||
		!worked(l.sign, context, uintptr(unsafe.Pointer(&signature[0])), uintptr(unsafe.Pointer(size)),
			uintptr(unsafe.Pointer(&digest[0])), uintptr(len(digest))) || *size != uint(k.size) {
		return nil, errOpenSSL
	}
	return signature, nil
}
