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

// remote is a running service that is asked over HTTP, with the caller's own token.
type remote struct {
	URL       string `name:"url" env:"LEDGERBOARD_URL" placeholder:"URL" help:"Ask the service at this address, with a token of the role auditor or agency: needs neither log nor database."`
	TokenFile string `type:"existingfile" placeholder:"FILE" help:"File of the token for --url. None: the variable LEDGERBOARD_TOKEN."`
}

// tokenVariable holds a token for those who keep none in a file. It is no flag: arguments are seen by every user of a machine.
const tokenVariable = "LEDGERBOARD_TOKEN"

// maxRefusal bounds what is read of an answer that is not one of the API.
const maxRefusal = 64 << 10

// download writes what the service answers to a GET. The error of a refusal is what the service says.
func (r *remote) download(ctx context.Context, path string, query url.Values, out io.Writer) error {
	if r.URL == "" {
		return usageError{errors.New("name the service with --url")}
	}
	base, err := url.Parse(r.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return usageError{fmt.Errorf("--url %q is no address: use https://HOST[:PORT]", r.URL)}
	}
	token := os.Getenv(tokenVariable)
	if r.TokenFile != "" {
		raw, err := os.ReadFile(r.TokenFile)
		if err != nil {
			return usageError{fmt.Errorf("--token-file: %w", err)}
		}
		token = string(raw)
	}
	if token = strings.TrimSpace(token); token == "" {
		return usageError{errors.New("name the file of your token with --token-file, or set " + tokenVariable)}
	}
	at := base.JoinPath(path)
	at.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", base.Host, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return refusal(response)
	}
	if _, err := io.Copy(out, response.Body); err != nil {
		return fmt.Errorf("read the answer of %s: %w", base.Host, err)
	}
	return nil
}

// refusal is what a service says that does not answer.
func refusal(response *http.Response) error {
	var said struct {
		Message string `json:"message"`
		Errors  []struct {
			Field  string `json:"field"`
			Detail string `json:"detail"`
		} `json:"errors"`
	}
	raw, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	if json.Unmarshal(raw, &said) != nil || said.Message == "" {
		return fmt.Errorf("the service answers %s", response.Status)
	}
	for _, e := range said.Errors {
		if !strings.Contains(said.Message, e.Detail) {
			said.Message += fmt.Sprintf(" (%s %s)", e.Field, e.Detail)
		}
	}
	err := fmt.Errorf("the service answers %s: %s", response.Status, plain(said.Message))
	if response.StatusCode == http.StatusBadRequest || response.StatusCode == http.StatusUnprocessableEntity {
		return usageError{err}
	}
	return err
}

type accessCommand struct {
	remote
	At        string `placeholder:"TIME" help:"The instant: a day (the end of it, UTC), RFC 3339, or a version (v12). None of --at, --from, --to: now."`
	From      string `placeholder:"TIME" help:"Access that lasts at some time from here on."`
	To        string `placeholder:"TIME" help:"Access that lasts at some time before here; of a day, its end."`
	User      string `help:"Only this user, 24 hex digits."`
	Dashboard string `help:"Only this dashboard: a sub-account, 24 hex digits."`
	By        string `enum:"dashboard,user" default:"dashboard" help:"What the answer is ordered by first: dashboard or user."`
	Format    string `enum:"csv,json" default:"csv" help:"csv, or json (one object a line)."`
}

// errCutAnswer ends an answer that does not say that it is whole.
var errCutAnswer = errors.New("the answer is not whole")

func (c accessCommand) Run(ctx context.Context, s streams) error {
	query := url.Values{"format": {c.Format}, "by": {c.By}}
	if c.Format == "json" {
		query.Set("format", "jsonl")
	}
	for name, value := range map[string]string{"at": c.At, "from": c.From, "to": c.To, "user_id": c.User, "dashboard": c.Dashboard} {
		if value != "" {
			query.Set(name, value)
		}
	}
	out := lastLine{out: s.Out}
	err := c.download(ctx, "/api/audit/access/export", query, &out)
	if err == nil {
		err = wholeAccess(strings.TrimSpace(string(out.last)))
	}
	return interrupted(ctx, err, "what was printed is not whole")
}

type lastLine struct {
	out  io.Writer
	last []byte
}

// Write implements [io.Writer].
func (l *lastLine) Write(p []byte) (int, error) {
	l.last = append(l.last, p...)
	l.last = l.last[bytes.LastIndexByte(bytes.TrimRight(l.last, "\r\n"), '\n')+1:]
	return l.out.Write(p)
}

// wholeAccess reads the last line of an export, which says whether the export is whole.
func wholeAccess(last string) error {
	var says struct {
		Complete *bool  `json:"complete"`
		Reason   string `json:"reason"`
	}
	// In CSV it is the first cell of a row, in quotes where a reason needs them.
	switch comment, isComment := strings.CutPrefix(strings.Trim(last, `",`), "# complete="); {
	case isComment:
		says.Complete = new(strings.HasPrefix(comment, "true"))
		_, says.Reason, _ = strings.Cut(comment, " reason=")
	case json.Unmarshal([]byte(last), &says) != nil || says.Complete == nil:
		return errCutAnswer
	}
	if !*says.Complete {
		return fmt.Errorf("%w: %s", errCutAnswer, plain(says.Reason))
	}
	return nil
}

type checkpointsCommand struct{ remote }

// Run implements the command. It prints the signed notes, newest first, each followed by an empty line.
func (c checkpointsCommand) Run(ctx context.Context, s streams) error {
	return interrupted(ctx, c.print(ctx, s.Out), "what was printed is not whole")
}

func (c checkpointsCommand) print(ctx context.Context, out io.Writer) error {
	query := url.Values{"limit": {"500"}}
	for {
		var raw bytes.Buffer
		if err := c.download(ctx, "/api/audit/checkpoints", query, &raw); err != nil {
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
			err = errors.New("it has no list")
		}
		if err != nil {
			return fmt.Errorf("the answer is not that of ledgerboard: %w", err)
		}
		for _, entry := range page.Data {
			for line := range strings.Lines(entry.Note) {
				fmt.Fprintln(out, plain(strings.TrimSuffix(line, "\n"))) // a service's word must not drive a terminal
			}
			fmt.Fprintln(out)
		}
		if page.Meta.Next == "" {
			return nil
		}
		query.Set("cursor", page.Meta.Next)
	}
}
