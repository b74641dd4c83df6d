package config

// Exit codes of the program (operations.md section 1).
const (
	ExitOK          = 0
	ExitUsage       = 64 // wrong switches or arguments
	ExitData        = 65 // bad message or address
	ExitUnavailable = 69 // broker or database unreachable
	ExitTemporary   = 75 // no daemon, or another temporary trouble: try again
	ExitConfig      = 78 // wrong configuration
)
