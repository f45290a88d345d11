package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// each hands the rows of files over. A row function's error refuses the row; a context that ends, the file.
func (i *importing) each(ctx context.Context, files []string, label string, row func(place, *legacy.Row) error, refuse func(place, error)) error {
	bar := newProgress(i.out.Err, label+" (bytes)", sizeOf(files))
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("open import file: %w", err)
		}
		err = legacy.Read(&countingReader{file, bar}, legacy.Handler{
			Zone: i.zone,
			Row: func(r *legacy.Row) error {
				at := place{path, r.Line}
				if err := row(at, r); errors.As(err, new(fatal)) {
					return err
				} else if err != nil {
					refuse(at, err)
				}
				return ctx.Err()
			},
			Bad: func(e *legacy.RowError) error {
				refuse(place{path, e.Line}, e.Err)
				return ctx.Err()
			},
		})
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	if len(files) > 0 {
		bar.end()
	}
	return nil
}

// fatal is an error of a row function that is not the row's fault.
type fatal struct{ error }

func sizeOf(files []string) (size int) {
	for _, path := range files {
		if info, err := os.Stat(path); err == nil {
			size += int(info.Size())
		}
	}
	return size
}

// countingReader moves a progress bar by what is read.
type countingReader struct {
	in  io.Reader
	bar *progress
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.bar.add(n)
	return n, err
}
