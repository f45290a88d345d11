package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// The exit codes documented by `ledgerboard --help`.
const (
	exitOK       = 0
	exitFailure  = 1 // the command failed
	exitUsage    = 2 // wrong arguments or configuration: nothing was tried
	exitNotReady = 3 // status: the service is not ready, degraded or does not respond
	exitLeftOut  = 4 // import --skip-refused: done, but some rows were left out
	exitFindings = 5 // verify, replay, backup --check: the check found faults
	// interrupted by a signal: at a prompt, and in verify, export, replay, import, rebuild, backup,
	// restore
	exitInterrupted = 130
	exitAborted     = 131 // aborted by a second signal
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
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	default:
		return exitFailure
	}
}

// errInterrupted is returned if a signal ends a command before it is done.
var errInterrupted = errors.New("interrupted")

// interruptedError adds to the error of an interrupted command what state the command leaves. It
// does not change other errors or errors that are already [errInterrupted].
func interruptedError(ctx context.Context, err error, state string) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, errInterrupted) {
		return err
	}
	return fmt.Errorf("%w: %s", errInterrupted, state)
}

// contextReader returns the error of its context once the context is done.
type contextReader struct {
	ctx context.Context //nolint:containedctx // io.Reader has no room for it
	io.Reader
}

// Read implements [io.Reader].
func (r contextReader) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(into)
}
