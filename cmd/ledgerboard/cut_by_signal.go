package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

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
