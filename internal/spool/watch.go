package spool

// event is what the kernel says about a name.
type event struct {
	kind eventKind
	name string
}

type eventKind uint8

const (
	closed   eventKind = iota // closed after writing, or moved in: whole
	created                   // a new name; perhaps a link to something that is whole
	modified                  // somebody writes
	gone                      // removed or moved away
	overflow                  // some events were lost
	deaf                      // nothing more will come
)

// maxEvents is how many events wait for the one who looks at them; more wait in the kernel.
const maxEvents = 1024

// hidden: names with a dot are not ours to look at.
func hidden[T string | []byte](name T) bool { return len(name) == 0 || name[0] == '.' }
