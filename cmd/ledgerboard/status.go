package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

type statusCommand struct {
	Addr    string        `env:"LEDGERBOARD_ADMIN_ADDR,LEDGERBOARD_ADDR" default:"${addr}" help:"Address at which the process serves /readyz."`
	Timeout time.Duration `default:"3s" help:"How long to wait for the response."`
	JSON    bool          `help:"Print the response of the service unchanged."`
	All     bool          `help:"Show every partition, not only partitions that lag or have stopped."`
	Serving bool          `help:"Treat a degraded service as ready. Use this for health checks that must not restart a service that still serves reads."`
}

var (
	errNotReady = errors.New("the service is not ready")
	errDegraded = errors.New("the service is degraded but serves reads: see the checks marked NO")
	errNoAnswer = errors.New("no service responds")
)

func (c statusCommand) Run(ctx context.Context, s streams) error {
	body, code, err := c.ask(ctx)
	if err != nil {
		return err
	}
	var answer readiness
	if err = json.Unmarshal(body, &answer); err == nil && answer.Status == "" {
		err = errors.New("status is missing") // of another service: its 200 says nothing about this one
	}
	if err != nil {
		return fmt.Errorf("the response from %s does not contain the state of ledgerboard: "+
			"if the service has an admin address, set --addr to LEDGERBOARD_ADMIN_ADDR (%w)", c.Addr, err)
	}
	if c.JSON {
		fmt.Fprintln(s.Out, string(body))
	} else {
		answer.print(s.Out, c.All)
	}
	switch {
	case code != http.StatusOK:
		return errNotReady
	case answer.Status == "degraded" && !c.Serving:
		return errDegraded
	default:
		return nil
	}
}

func reachable(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), err
}

func (c statusCommand) ask(ctx context.Context) (body []byte, code int, err error) {
	base, err := reachable(c.Addr)
	if err != nil {
		return nil, 0, usageError{fmt.Errorf("--addr %q is not host:port", c.Addr)}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return nil, 0, fmt.Errorf("make request: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, 0, fmt.Errorf("%w at %s: start it with 'ledgerboard serve', or set its address with --addr (%w)",
			errNoAnswer, c.Addr, err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(io.LimitReader(response.Body, 1<<20)); err != nil {
		return nil, 0, fmt.Errorf("read response: %w", err)
	}
	return body, response.StatusCode, nil
}

type readiness api.HealthBody

func (r readiness) print(out io.Writer, all bool) {
	fmt.Fprintln(out, r.Status)
	for _, check := range r.Checks {
		mark, reason := "ok", ""
		if !check.OK {
			mark, reason = "NO", ": "+check.Reason
		}
		fmt.Fprintf(out, "  %-3s %s%s\n", mark, check.Name, reason)
	}
	if len(r.Projections) > 0 {
		fmt.Fprintln(out)
		r.printPartitions(out, all)
	}
	r.printNotes(out)
}

func (r readiness) printPartitions(out io.Writer, all bool) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "projection\tgeneration\tpartition\toffset\tend\tlag (events)\tlag (s)\t")
	skipped := 0
	for _, p := range r.Projections {
		stopped := false
		for _, partition := range p.Partitions {
			stopped = stopped || partition.Stopped != ""
			if !all && partition.LagEvents == 0 && partition.Stopped == "" {
				skipped++
				continue
			}
			fmt.Fprintf(table, "%s\tg%d\t%d\t%d\t%d\t%d\t%.0f\t%s\n", p.Name, p.Generation, partition.Partition,
				partition.NextOffset, partition.EndOffset, partition.LagEvents, partition.LagSeconds, partition.Stopped)
		}
		if !all && p.LagEvents == 0 && !stopped {
			fmt.Fprintf(table, "%s\tg%d\tall %d\t\t\t0\t0\t\n", p.Name, p.Generation, len(p.Partitions))
		}
	}
	table.Flush() //nolint:errcheck // as for all other output
	if skipped > 0 {
		fmt.Fprintf(out, "%d partitions without lag; --all shows each of them\n", skipped)
	}
}

func (r readiness) printNotes(out io.Writer) {
	for _, p := range r.Readings {
		note := ""
		if p.Slowed {
			note = "; the quota does not permit more"
		}
		fmt.Fprintf(out, "%s of %s: read %s%s\n", p.Kind, p.Name, plain(p.Pace), note)
	}
	for _, p := range r.Platforms {
		fmt.Fprintf(out, "%s is not read: paused since %s\n", p.Name, p.Since.UTC().Format(time.RFC3339))
	}
	if r.Connections > 0 {
		fmt.Fprintf(out, "paused connections, which are not read: %d\n", r.Connections)
	}
	for _, p := range r.Projections {
		if p.Paused {
			fmt.Fprintf(out, "%s is paused\n", p.Name)
		}
		if p.DeadLetters > 0 {
			fmt.Fprintf(out, "%s has %s\n", p.Name, operator.DeadLetters(p.DeadLetters))
		}
		for _, b := range p.Building {
			status := "time left unknown"
			if b.SecondsLeft != nil {
				status = (time.Duration(*b.SecondsLeft) * time.Second).String() + " left"
			}
			if b.Waits != "" {
				status = b.Waits
			}
			fmt.Fprintf(out, "building %s g%d (version %d): %d %%, %s\n",
				p.Name, b.Generation, b.Version, b.Percent, status)
		}
	}
}
