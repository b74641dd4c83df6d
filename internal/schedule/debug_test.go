package schedule

import (
	"os"
	"strconv"
	"testing"
)

func TestSeed(t *testing.T) {
	seed, _ := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	randomWorld(t, seed)
}
