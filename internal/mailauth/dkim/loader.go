package dkim

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// Loader reads private keys and keeps those used last, since messages bring the same ones again and again.
type Loader struct {
	engine Engine
	most   int

	mu    sync.Mutex
	known map[[sha256.Size]byte]*list.Element // of *loaded, by the hash of the text
	order list.List                           // the one used last in front

	// Properties as they were read, by their hash: all mails of a mailing have the same. When there are too many they are forgotten.
	properties map[[sha256.Size]byte]Property
}

type loaded struct {
	hash    [sha256.Size]byte
	private *private
	err     error
}

const usualKeys = 1000

// NewLoader keeps at most so many keys, 0 = 1000. Each takes about 20 KB.
func NewLoader(engine Engine, most int) *Loader {
	if most <= 0 {
		most = usualKeys
	}
	return &Loader{engine: engine, most: most, known: map[[sha256.Size]byte]*list.Element{}, properties: map[[sha256.Size]byte]Property{}}
}

// Engine is the one that signs with the keys of this loader.
func (l *Loader) Engine() Engine { return l.engine }

// Key makes a key of a spec, which should be one for DKIM. What is left out of the spec, as it cannot be done, is in the warnings.
// An error is a *KeyError.
func (l *Loader) Key(s Spec) (*Key, []string, error) {
	k, warnings, bad := s.key()
	if bad != nil {
		return nil, warnings, bad
	}
	p, err := l.private(s.Private)
	if err != nil {
		return nil, warnings, &KeyError{Domain: k.Domain, Selector: k.Selector, Reason: err.Error()}
	}
	k.private = p
	return k, warnings, nil
}

// private is the key of a text, and remembers bad ones too.
func (l *Loader) private(text string) (*private, error) {
	hash := sha256.Sum256([]byte(text))
	if found, ok := l.find(hash); ok {
		return found.private, found.err
	}
	p, err := l.read(text)
	l.keep(&loaded{hash, p, err})
	return p, err
}

// read parses a key and hands it to the engine; an engine that does not take it leaves it to Go.
func (l *Loader) read(text string) (*private, error) {
	p, err := parsePrivate(text)
	if err == nil && p.rsa != nil {
		p.engine, _ = l.engine.load(p.rsa)
	}
	return p, err
}

func (l *Loader) find(hash [sha256.Size]byte) (*loaded, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.known[hash]
	if !ok {
		return nil, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*loaded), true
}

func (l *Loader) keep(it *loaded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.known[it.hash]; ok {
		return // another goroutine was quicker
	}
	l.known[it.hash] = l.order.PushFront(it)
	if l.order.Len() > l.most {
		delete(l.known, l.order.Remove(l.order.Back()).(*loaded).hash)
	}
}
