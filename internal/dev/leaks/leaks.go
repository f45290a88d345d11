package leaks

import (
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines that end by themselves have for it.
const patience = time.Minute

// VerifyTestMain runs a package's tests, and fails when goroutines outlive them that no option excepts.
func VerifyTestMain(m goleak.TestingM, options ...goleak.Option) {
	goleak.VerifyTestMain(patient{m, options}, options...)
}

// patient runs tests and gives what they leave the time to end.
type patient struct {
	goleak.TestingM

	options []goleak.Option
}

// Run runs the tests.
func (p patient) Run() int {
	code := p.TestingM.Run()
	for until := time.Now().Add(patience); code == 0 && time.Now().Before(until); {
		if goleak.Find(p.options...) == nil { // it takes its time
			break
		}
	}
	return code
}
