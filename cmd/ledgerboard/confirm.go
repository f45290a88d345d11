package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

type actionFlags struct {
	Yes    bool   `help:"Do not ask for confirmation."`
	Reason string `placeholder:"CODE[:TICKET]" help:"Reason for the action: incident, maintenance, upgrade, verification, data_repair, customer_request, test or other; other requires a ticket."`
}

var errDeclined = errors.New("nothing was changed")

const nothingDone = "nothing was done"

// confirm asks for the reason and for confirmation, unless the flags are set. Without a terminal,
// both flags must be set.
func (a actionFlags) confirm(std streams, what string) (domain.Reason, error) {
	if !asksOn(std) && (!a.Yes || a.Reason == "") {
		return domain.Reason{}, usageError{
			fmt.Errorf("this would %s: without a terminal, also set %s", what, a.missing()),
		}
	}
	return a.ask(std, bufio.NewReader(os.Stdin), what)
}

func asksOn(std streams) bool { return isTerminal(os.Stdin) && isTerminal(std.Err) }

func (a actionFlags) missing() string {
	var missing []string
	if !a.Yes {
		missing = append(missing, "--yes")
	}
	if a.Reason == "" {
		missing = append(missing, "--reason CODE[:TICKET]")
	}
	return strings.Join(missing, " and ")
}

func (a actionFlags) ask(std streams, answers *bufio.Reader, what string) (reason domain.Reason, err error) {
	if !a.Yes || a.Reason == "" {
		fmt.Fprintf(std.Err, "This will %s.\n", what)
	}
	text := a.Reason
	if text == "" {
		var codes []string
		for _, code := range domain.ReasonCodes() {
			codes = append(codes, string(code))
		}
		question := "Reason (" + strings.Join(codes, ", ") + "; add :TICKET if there is one; leave empty to cancel): "
		if text, err = askOn(std, answers, question); err != nil {
			return reason, err
		}
		if slices.Contains([]string{"", "n", "no"}, strings.ToLower(text)) {
			return reason, errDeclined
		}
	}
	if reason, err = domain.ParseReason(text); err != nil {
		return reason, usageError{err}
	}
	if a.Yes {
		return reason, nil
	}
	answer, err := askOn(std, answers, "Continue? [y/N] ")
	if err != nil {
		return reason, err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return reason, errDeclined
	}
	return reason, nil
}

// askOn prints a question and reads a line from the terminal. Reading from a terminal cannot be
// canceled, so after a signal it abandons the reading goroutine: the process is about to exit.
func askOn(std streams, answers *bufio.Reader, question string) (string, error) {
	fmt.Fprint(std.Err, question)
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := answers.ReadString('\n')
		answered <- answer{line, err}
	}()
	select {
	case <-std.Cut:
		fmt.Fprintln(std.Err)
		return "", fmt.Errorf("%w: %s", errInterrupted, nothingDone)
	case a := <-answered:
		if a.err != nil && a.line == "" {
			return "", errDeclined
		}
		return strings.TrimSpace(a.line), nil
	}
}

func operatorCaller() commands.Caller {
	return commands.Caller{UserID: "system:operator", Role: "operator"}
}

// commandError converts errors about the caller's input into usage errors, and removes error codes.
func commandError(err error) error {
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

// serviceAction are the flags of an action on a running service.
type serviceAction struct {
	service
	actionFlags
}

// do asks for confirmation of what the action does, sends it, and prints what was done.
func (s serviceAction) do(ctx context.Context, std streams, what, path, did string) error {
	_, err := doAction[done](ctx, std, s, what, path)
	if err == nil {
		_, err = fmt.Fprintln(std.Out, did)
	}
	return err
}

// doAction is [serviceAction.do] for an action with a result, which it returns.
func doAction[T any](ctx context.Context, std streams, a serviceAction, what, path string) (data T, err error) {
	at, err := a.client(ctx)
	if err != nil {
		return data, err
	}
	reason, err := a.confirm(std, what)
	if err != nil {
		return data, err
	}
	return act[T](ctx, at, path, reason)
}
