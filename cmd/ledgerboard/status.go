package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// statusCommand asks a running service for its readiness; containers use it as health check.
type statusCommand struct {
	Addr    string        `env:"LEDGERBOARD_ADDR" default:"${addr}" help:"Address the service listens on."`
	Timeout time.Duration `default:"3s" help:"How long to wait for the answer."`
	JSON    bool          `name:"json" help:"Print the service's answer as it is."`
}

// errNotReady is the answer of a service that runs and cannot do its work now.
var errNotReady = errors.New("the service is not ready")

func (c statusCommand) Run(ctx context.Context, s streams) error {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return usageError{fmt.Errorf("--addr %q is not host:port", c.Addr)}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no service answers at %s: start it with 'ledgerboard serve', or name its address with --addr (%w)", c.Addr, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if c.JSON {
		fmt.Fprintln(s.Out, string(body))
	} else if err := printReadiness(s.Out, body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errNotReady
	}
	return nil
}

func printReadiness(out io.Writer, body []byte) error {
	var answer struct {
		Status string `json:"status"`
		Checks []struct {
			Name   string `json:"name"`
			OK     bool   `json:"ok"`
			Reason string `json:"reason"`
		} `json:"checks"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("the answer is not that of ledgerboard: %w", err)
	}
	fmt.Fprintln(out, answer.Status)
	for _, check := range answer.Checks {
		mark, reason := "ok", ""
		if !check.OK {
			mark, reason = "NO", ": "+check.Reason
		}
		fmt.Fprintf(out, "  %-3s %s%s\n", mark, check.Name, reason)
	}
	return nil
}
