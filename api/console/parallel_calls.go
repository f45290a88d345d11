package console

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// atOnce is how many questions of one page the API answers at a time. A page is ready sooner by it, and leaves connections to the database to
// the pages of others.
const atOnce = 4

// sideBySide asks the questions 0 to n-1 of a page, in their order, a few at a time. Once one has failed, no other is begun. It returns the error of
// the first one that failed in the order of the page, whichever did so sooner: the visitor sees the same error each time.
func sideBySide(n int, ask func(i int) error) error {
	var (
		errs   = make([]error, n)
		places = make(chan struct{}, atOnce)
		failed atomic.Bool
		asking sync.WaitGroup
	)
	for i := range n {
		places <- struct{}{}
		if failed.Load() { // those before i have begun, so theirs is the error
			break
		}
		asking.Go(func() {
			defer func() { <-places }()
			if errs[i] = unharmed(i, ask); errs[i] != nil {
				failed.Store(true)
			}
		})
	}
	asking.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// unharmed asks a question. A panic is an error of the page: net/http looks after that of a request's own goroutine alone, and any other would end
// the process.
func unharmed(i int, ask func(i int) error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	return ask(i)
}
