package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// actionFlags are those of every command by which an operator changes something.
type actionFlags struct {
	Yes    bool   `help:"Do it without asking."`
	Reason string `placeholder:"CODE[:TICKET]" help:"Why: a code and, if there is one, its ticket. It stays on record."`
}

// confirm asks whether to do what, unless --yes has answered; without a terminal there is nobody to ask.
func (f actionFlags) confirm(s streams, what string) (domain.Reason, error) {
	reason, err := domain.ParseReason(f.Reason)
	if err != nil {
		return domain.Reason{}, usageError{fmt.Errorf("--reason: %w", err)}
	}
	if f.Yes {
		return reason, nil
	}
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return domain.Reason{}, usageError{errors.New("nothing was done: nobody can be asked here; repeat the command with --yes")}
	}
	fmt.Fprintf(s.Err, "%s\nDo it? Type yes: ", what)
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n') // an end of input is no yes
	if strings.TrimSpace(answer) != "yes" {
		return domain.Reason{}, usageError{errors.New("nothing was done")}
	}
	return reason, nil
}
