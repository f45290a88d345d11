package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// actionFlags are those of each subcommand that changes something beside its own arguments.
type actionFlags struct {
	Yes    bool   `help:"Do not ask."`
	Reason string `placeholder:"CODE[:TICKET]" help:"Why: incident, maintenance, upgrade, verification, data_repair, customer_request, test or other; other needs a ticket."`
}

// errDeclined ends a command that was asked about and not wanted.
var errDeclined = errors.New("nothing was changed")

// confirm asks on a terminal whether what is said shall be done, and for the reason when none was given. Without a
// terminal both must have been given.
func (f actionFlags) confirm(s streams, what string) (domain.Reason, error) {
	asks := isTerminal(os.Stdin) && isTerminal(s.Err)
	if !asks && (!f.Yes || f.Reason == "") {
		return domain.Reason{}, usageError{fmt.Errorf("this would %s: without a terminal give --yes and --reason CODE[:TICKET]", what)}
	}
	answers := bufio.NewReader(os.Stdin)
	text := f.Reason
	if text == "" {
		var codes []string
		for _, code := range domain.ReasonCodes() {
			codes = append(codes, string(code))
		}
		var err error
		if text, err = askOn(s.Err, answers, "Reason ("+strings.Join(codes, ", ")+"; with :TICKET if there is one): "); err != nil {
			return domain.Reason{}, err
		}
	}
	reason, err := domain.ParseReason(text)
	if err != nil {
		return reason, usageError{err}
	}
	if f.Yes {
		return reason, nil
	}
	answer, err := askOn(s.Err, answers, "This will "+what+". Go on? [y/N] ")
	if err != nil {
		return reason, err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return reason, errDeclined
	}
	return reason, nil
}

func askOn(out io.Writer, answers *bufio.Reader, question string) (string, error) {
	fmt.Fprint(out, question)
	line, err := answers.ReadString('\n')
	if err != nil && line == "" {
		return "", errDeclined
	}
	return strings.TrimSpace(line), nil
}

// operatorCaller is who acts on the command line: whoever has the settings of the service.
func operatorCaller() commands.Caller {
	return commands.Caller{UserID: "system:operator", Role: "operator"}
}

// refused makes a usage error of what was asked wrongly.
func refused(err error) error {
	known, ok := errors.AsType[*domain.Error](err)
	switch {
	case !ok:
		return err
	case known.Code == domain.CodeInvalid, known.Code == domain.CodeNotFound:
		return usageError{errors.New(known.Message)}
	default:
		return errors.New(known.Message)
	}
}
