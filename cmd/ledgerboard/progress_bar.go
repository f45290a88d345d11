package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress shows the progress of a command: a line that is redrawn on a terminal, or else
// occasional lines. It must be used from only one goroutine.
type progress struct {
	out      io.Writer
	terminal bool
	label    string
	total    int
	done     int
	rate     float64 // per second, if the work measures it; 0: the average since the start is shown
	started  time.Time
	drawnAt  time.Time
}

const (
	redrawEvery = 100 * time.Millisecond
	lineEvery   = 5 * time.Second
)

func newProgress(out io.Writer, label string, total int) *progress {
	return &progress{out: out, terminal: isTerminal(out), label: label, total: total, started: time.Now()}
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (p *progress) add(n int) {
	p.done += n
	every := lineEvery
	if p.terminal {
		every = redrawEvery
	}
	if time.Since(p.drawnAt) >= every {
		p.draw()
	}
}

// reach is add for work whose total is known only after it has begun.
func (p *progress) reach(done, total int64) {
	if p.started.IsZero() {
		*p = *newProgress(p.out, p.label, 0)
	}
	p.total = int(total)
	p.add(int(done) - p.done)
}

func (p *progress) say(text string) {
	if p.terminal && !p.drawnAt.IsZero() {
		fmt.Fprintln(p.out)
	}
	p.drawnAt = time.Time{}
	fmt.Fprintln(p.out, text)
}

func (p *progress) end() {
	if p.started.IsZero() { // nothing was reached
		return
	}
	p.draw()
	if p.terminal {
		fmt.Fprintln(p.out)
	}
}

func (p *progress) draw() {
	p.drawnAt = time.Now()
	elapsed := time.Since(p.started)
	rate := p.rate
	if rate == 0 {
		rate = float64(p.done) / max(elapsed.Seconds(), 0.001)
	}
	line := fmt.Sprintf("%s: %d, %.0f/s", p.label, p.done, rate)
	known := p.done <= p.total // otherwise it is only a part, as of files and a pipe
	if known {
		share := 1.0
		if p.total > 0 {
			share = float64(p.done) / float64(p.total)
		}
		line = fmt.Sprintf("%s: %d of %d (%.0f %%), %.0f/s", p.label, p.done, p.total, 100*share, rate)
	}
	if !p.terminal {
		fmt.Fprintln(p.out, line)
		return
	}
	if known && p.done > 0 {
		left := time.Duration(float64(p.total-p.done) / rate * float64(time.Second))
		line += ", " + left.Round(time.Second).String() + " left"
	}
	fmt.Fprintf(p.out, "\r%-78s", line)
}
