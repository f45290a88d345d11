package assembly

import (
	"errors"
	"slices"
)

// Closers undo what was opened, last first.
type Closers []func() error

// Add notes how something that was just opened is given back.
func (c *Closers) Add(undo func() error) { *c = append(*c, undo) }

// Close gives everything back and returns every error. A second call does nothing.
func (c *Closers) Close() error {
	var errs []error
	for _, undo := range slices.Backward(*c) {
		errs = append(errs, undo())
	}
	*c = nil
	return errors.Join(errs...)
}
