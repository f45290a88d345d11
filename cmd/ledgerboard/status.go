package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/socket"
)

type statusCommand struct {
	remote
	installation
	Addr    string        `placeholder:"HOST:PORT" help:"Ask the process that serves /readyz at this address, of any role. The response contains states, but no details."`
	Direct  bool          `help:"Ask no service: read the log and the database, which takes some seconds."`
	Timeout time.Duration `default:"3s" help:"How long to wait for the response."`
	JSON    bool          `help:"Print a JSON object."`
	All     bool          `help:"Show every partition, not only partitions that lag or have stopped."`
	Serving bool          `help:"Treat a degraded service as ready. Use this for health checks that must not restart a service that still serves reads."`
	// Own is asked if no process listens in the data directory: only those with the role api do.
	Own string `hidden:"" env:"LEDGERBOARD_ADMIN_ADDR,LEDGERBOARD_ADDR" default:"${addr}"`
}

var (
	errNotReady = exitError{"the service is not ready", exitNotReady}
	errDegraded = exitError{"the service is degraded but serves reads: see what is marked NO", exitNotReady}
	errNoAnswer = exitError{"no service responds", exitNotReady}
)

func (s statusCommand) Run(ctx context.Context, std streams) error {
	health, err := s.health(ctx, std)
	if err != nil {
		return err
	}
	err = show(std.Out, s.JSON, health, func() { printHealth(std.Out, health, s.All) })
	switch {
	case err != nil:
		return err
	case health.Status == operator.NotReady:
		return errNotReady
	case health.Status == operator.Degraded && !s.Serving:
		return errDegraded
	default:
		return nil
	}
}

func (s statusCommand) health(ctx context.Context, std streams) (health operator.Health, err error) {
	if s.Direct {
		err = s.withExistingParts(std, func(parts *app.Parts) error {
			var failed error
			if health, failed = app.Health(ctx, parts); errors.Is(failed, embedded.ErrLocked) || health.Status == "" {
				return failed
			} else if failed != nil {
				fmt.Fprintln(std.Err, "ledgerboard:", failed)
			}
			return ctx.Err()
		})
		return health, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	if s.Addr != "" {
		return s.readiness(ctx, s.Addr)
	}
	at, err := s.connect(ctx, s.DataDir, "")
	if err == nil {
		return fetch[operator.Health](ctx, at, "/api/ops/health")
	}
	switch {
	case errors.Is(err, socket.ErrNone):
		return s.readiness(ctx, s.Own)
	case errors.Is(err, errOtherUser): // its service may listen at the usual address
		public, failed := s.readiness(ctx, s.Own)
		if failed != nil {
			return public, fmt.Errorf("%w at %s, and %w", errNoAnswer, s.Own, err)
		}
		fmt.Fprintf(std.Err, "ledgerboard: the response is from %s, because %s\n", s.Own, err)
		return public, nil
	case errors.Is(err, socket.ErrSilent): // what listens at the address may be another service
		err = fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	return health, err
}

// readiness asks a process at an address for what everyone may see.
func (s statusCommand) readiness(ctx context.Context, addr string) (health operator.Health, err error) {
	base, err := reachable(addr)
	if err != nil {
		return health, usageError{fmt.Errorf("--addr %q is not host:port", addr)}
	}
	target, err := url.Parse(base)
	if err != nil {
		return health, usageError{fmt.Errorf("--addr: %w", err)}
	}
	response, err := client{http: http.DefaultClient, base: target}.do(ctx, http.MethodGet, "/readyz", nil, nil)
	if err != nil {
		return health, fmt.Errorf("%w at %s or in the data directory %s: start it with 'ledgerboard serve', or set --addr, "+
			"--data-dir or --url; --direct asks no service (%w)", errNoAnswer, addr, s.DataDir, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(body, &health)
	}
	// Another service's response says nothing about this one.
	if err == nil && health.Status == "" {
		err = errors.New("status is missing")
	}
	if err != nil {
		err = fmt.Errorf("the response from %s does not contain the state of ledgerboard: "+
			"if the service has an admin address, set --addr to LEDGERBOARD_ADMIN_ADDR (%w)", addr, err)
	}
	return health, err
}

func reachable(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), err
}

func printHealth(out io.Writer, h operator.Health, all bool) {
	fmt.Fprintln(out, h.Status)
	line := func(name string, ok bool, reasons []operator.HealthReason) {
		mark, text := "ok", ""
		if !ok {
			mark = "NO"
		}
		if len(reasons) > 0 {
			text = ": " + plain(operator.TextOf(reasons))
		}
		fmt.Fprintf(out, "  %-3s %s%s\n", mark, name, text)
	}
	for _, check := range h.Checks {
		line(check.Name, check.OK, check.Reasons)
	}
	for _, p := range h.Projections {
		line("read model "+p.Projection, len(p.Reasons) == 0, p.Reasons)
	}
	line("changes of dashboards", h.MayWrite, nil)
	printPartitions(out, h.Projections, all)
	for _, r := range h.Readings {
		note := ""
		if r.Slowed {
			note = "; the quota does not permit more"
		}
		fmt.Fprintf(out, "%s of %s: read %s%s\n", r.Kind, r.Platform, plain(r.Pace), note)
	}
	for _, p := range h.Pauses {
		if p.Kind != domain.PauseProjection { // a reason says so
			fmt.Fprintf(out, "%s is not read: %s\n", nameOf(p), pauseInWords(p))
		}
	}
}

func printPartitions(out io.Writer, projections []operator.ProjectionHealth, all bool) {
	skipped, rows := 0, []string(nil)
	for _, health := range projections {
		p := health.State
		if p == nil {
			continue
		}
		stopped := false
		for _, partition := range p.Partitions {
			lag := max(0, partition.EndOffset-partition.NextOffset)
			stopped = stopped || partition.Stopped != ""
			if !all && lag == 0 && partition.Stopped == "" {
				skipped++
				continue
			}
			rows = append(rows, fmt.Sprintf("%s\tg%d\t%d\t%d\t%d\t%d\t%.0f\t%s", p.Projection, p.Generation, partition.Partition,
				partition.NextOffset, partition.EndOffset, lag, partition.LagSeconds, partition.Stopped))
		}
		if !all && p.Lag == 0 && !stopped {
			rows = append(rows, fmt.Sprintf("%s\tg%d\tall %d\t\t\t0\t0\t", p.Projection, p.Generation, len(p.Partitions)))
		}
	}
	if len(rows) > 0 {
		const head = "\nprojection\tgeneration\tpartition\toffset\tend\tlag (events)\tlag (s)\t"
		_ = printList(out, false, rows, head, func(row string) string { return row }) // as all other output
	}
	if skipped > 0 {
		fmt.Fprintf(out, "%d partitions without lag; --all shows each of them\n", skipped)
	}
	for _, health := range projections {
		if health.State != nil {
			for _, g := range health.State.Building {
				printBuild(out, g)
			}
		}
	}
}

func printBuild(out io.Writer, g operator.Generation) {
	status := "time left unknown"
	if left, known := g.Left(); known {
		status = left.Round(time.Second).String() + " left"
	}
	if g.Waits != "" {
		status = g.Waits.Text()
	}
	fmt.Fprintf(out, "building %s g%d (version %d): %d %%, %s\n", g.Projection, g.Generation, g.Version, g.Percent(), status)
}
