package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// The exit codes, as `ledgerboard --help` documents them.
const (
	exitOK       = 0
	exitFailure  = 1   // it was tried and did not succeed
	exitUsage    = 2   // arguments or configuration are wrong: nothing was tried
	exitNotReady = 3   // status: the service is not ready, or degraded, or does not answer
	exitLeftOut  = 4   // import --skip-refused: done, but rows were left out
	exitFindings = 5   // verify, replay: the check was made, and something is not as it must be
	exitCut      = 130 // a signal cut it: at a prompt, and of verify, export, replay, import, rebuild, backup, restore
	exitAborted  = 131 // a second signal ended it at once, whatever it was doing
)

func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "ledgerboard:", err)
	var usage usageError
	switch {
	case errors.Is(err, errNotReady), errors.Is(err, errDegraded), errors.Is(err, errNoAnswer):
		return exitNotReady
	case errors.Is(err, errRowsLeftOut):
		return exitLeftOut
	case errors.Is(err, errFindings), errors.Is(err, errTableFindings), errors.Is(err, errBundleFindings), errors.Is(err, errChain), errors.Is(err, errBackupFindings):
		return exitFindings
	case errors.Is(err, errInterrupted):
		return exitCut
	case errors.As(err, &usage):
		return exitUsage
	default:
		return exitFailure
	}
}

// errInterrupted ends a command that a signal cut before it was done.
var errInterrupted = errors.New("interrupted")

// interrupted says of a command that a signal cut what it leaves. Other errors, and those that say so already, pass.
func interrupted(ctx context.Context, err error, left string) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, errInterrupted) {
		return err
	}
	return fmt.Errorf("%w: %s", errInterrupted, left)
}

// cutReader ends with the error of its context when that is done.
type cutReader struct {
	ctx context.Context //nolint:containedctx // io.Reader has no room for it
	io.Reader
}

// Read implements [io.Reader].
func (r cutReader) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(into)
}
