package draws

import (
	"flag"
	"fmt"
	"os"
	"strconv"

	_ "pgregory.net/rapid" // its flags
)

const variable = "LEDGERBOARD_DRAWS"

// Set before flags are parsed: -rapid.seed on the command line still wins.
var _ = take()

func take() (taken bool) {
	seed, ok := Seed()
	if !ok {
		return false
	}
	if err := flag.Set("rapid.seed", strconv.FormatUint(seed, 10)); err != nil {
		panic(fmt.Sprintf("draws: %v", err))
	}
	return true
}

// Seed is the one that LEDGERBOARD_DRAWS names; false without one. It panics on what is no positive number: a run that shall
// repeat another may not silently draw new values.
func Seed() (uint64, bool) {
	text := os.Getenv(variable)
	if text == "" {
		return 0, false
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil || seed == 0 {
		panic(fmt.Sprintf("%s is %q: a whole number from 1 on is needed", variable, text))
	}
	return seed, true
}
