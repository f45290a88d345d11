package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

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
