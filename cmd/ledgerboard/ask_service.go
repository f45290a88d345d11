package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

type remote struct {
	URL       string `env:"LEDGERBOARD_URL" placeholder:"URL" help:"URL of a running service. Requires a token with the role auditor or agency, but no access to log or database."`
	TokenFile string `type:"existingfile" placeholder:"FILE" help:"File that contains the token for --url. Default: the environment variable LEDGERBOARD_TOKEN."`
}

// There is no flag for the token itself: every user of a machine can read process arguments.
const tokenVariable = "LEDGERBOARD_TOKEN"

func (r *remote) download(ctx context.Context, path string, query url.Values, out io.Writer) (http.Header, error) {
	if r.URL == "" {
		return nil, usageError{errors.New("set --url to the address of the service")}
	}
	base, err := url.Parse(r.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, usageError{fmt.Errorf("--url %q is not a URL: use https://HOST[:PORT]", r.URL)}
	}
	token := os.Getenv(tokenVariable)
	if r.TokenFile != "" {
		raw, err := os.ReadFile(r.TokenFile)
		if err != nil {
			return nil, usageError{fmt.Errorf("--token-file: %w", err)}
		}
		token = string(raw)
	}
	if token = strings.TrimSpace(token); token == "" {
		return nil, usageError{errors.New("no token: set --token-file or " + tokenVariable)}
	}
	target := base.JoinPath(path)
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("send request to %s: %w", base.Host, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, refusal(response)
	}
	if _, err := io.Copy(out, response.Body); err != nil {
		return nil, fmt.Errorf("read response from %s: %w", base.Host, err)
	}
	return response.Header, nil
}

func refusal(response *http.Response) error {
	var body struct {
		Message string `json:"message"`
		Errors  []struct {
			Field  string `json:"field"`
			Detail string `json:"detail"`
		} `json:"errors"`
	}
	raw, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if json.Unmarshal(raw, &body) != nil || body.Message == "" {
		return fmt.Errorf("the service responded %s", response.Status)
	}
	if response.StatusCode != http.StatusBadRequest || len(body.Errors) > 1 { // otherwise, the message has the only one
		for _, e := range body.Errors {
			body.Message += fmt.Sprintf(" (%s %s)", e.Field, e.Detail)
		}
	}
	err := fmt.Errorf("the service responded %s: %s", response.Status, plain(body.Message))
	if response.StatusCode == http.StatusBadRequest || response.StatusCode == http.StatusUnprocessableEntity {
		return usageError{err}
	}
	return err
}

type accessCommand struct {
	remote
	At        string `placeholder:"TIME" help:"Point in time: a day (its end, UTC), an RFC 3339 time, or a version (v12). Default without --from and --to: now."`
	From      string `placeholder:"TIME" help:"Include access that was valid at or after this time."`
	To        string `placeholder:"TIME" help:"Include access that was valid before this time. A day means its end."`
	User      string `help:"Include only this user, 24 hex digits."`
	Dashboard string `help:"Include only this dashboard: a sub-account, 24 hex digits."`
	By        string `enum:"dashboard,user" default:"dashboard" help:"Primary sort order: dashboard or user."`
	Format    string `enum:"csv,json" default:"csv" help:"Output format: csv, or json (one object per line)."`
}

var errIncomplete = errors.New("the response is incomplete")

func (c accessCommand) Run(ctx context.Context, s streams) error {
	query := url.Values{"format": {c.Format}, "by": {c.By}}
	if c.Format == "json" {
		query.Set("format", "jsonl")
	}
	for name, value := range map[string]string{
		"at": c.At, "from": c.From, "to": c.To, "user_id": c.User, "dashboard": c.Dashboard,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	out := lastLine{out: s.Out}
	header, err := c.download(ctx, "/api/audit/access/export", query, &out)
	if err == nil {
		summary := header.Get("Export-Summary")
		if c.Format == "json" {
			summary = string(out.last)
		}
		err = wholeAccess(summary)
	}
	return interruptedError(ctx, err, "the printed output is incomplete")
}

type lastLine struct {
	out  io.Writer
	last []byte
}

func (l *lastLine) Write(p []byte) (int, error) {
	l.last = append(l.last, p...)
	l.last = l.last[bytes.LastIndexByte(bytes.TrimRight(l.last, "\r\n"), '\n')+1:]
	return l.out.Write(p)
}

// wholeAccess returns an error unless the summary of an export says that the export is complete.
func wholeAccess(summary string) error {
	var about struct {
		Complete *bool  `json:"complete"`
		Reason   string `json:"reason"`
	}
	if json.Unmarshal([]byte(summary), &about) != nil || about.Complete == nil {
		return errIncomplete
	}
	if !*about.Complete {
		return fmt.Errorf("%w: %s", errIncomplete, plain(about.Reason))
	}
	return nil
}

type checkpointsCommand struct{ remote }

// Run prints the signed notes, newest first, each followed by an empty line.
func (c checkpointsCommand) Run(ctx context.Context, s streams) error {
	return interruptedError(ctx, c.print(ctx, s.Out), "the printed output is incomplete")
}

func (c checkpointsCommand) print(ctx context.Context, out io.Writer) error {
	query := url.Values{"limit": {"500"}}
	for {
		var raw bytes.Buffer
		if _, err := c.download(ctx, "/api/audit/checkpoints", query, &raw); err != nil {
			return err
		}
		var page struct {
			Data []struct {
				Note string `json:"note"`
			} `json:"data"`
			Meta struct {
				Next string `json:"next_cursor"`
			} `json:"meta"`
		}
		err := json.Unmarshal(raw.Bytes(), &page)
		if err == nil && page.Data == nil {
			err = errors.New("data is missing")
		}
		if err != nil {
			return fmt.Errorf("the response is not from ledgerboard: %w", err)
		}
		for _, entry := range page.Data {
			for line := range strings.Lines(entry.Note) {
				// The text of a service must not control the terminal.
				fmt.Fprintln(out, plain(strings.TrimSuffix(line, "\n")))
			}
			fmt.Fprintln(out)
		}
		if page.Meta.Next == "" {
			return nil
		}
		query.Set("cursor", page.Meta.Next)
	}
}
