package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/readmodels"
)

// accessCommand asks a service who had access.
type accessCommand struct {
	remote
	At        string `placeholder:"TIME" help:"The instant: a day (the end of it, UTC), RFC 3339, or a version (v12). None of --at, --from, --to: now."`
	From      string `placeholder:"TIME" help:"Access that lasts at some time from here on."`
	To        string `placeholder:"TIME" help:"Access that lasts at some time before here; of a day, its end."`
	User      string `help:"Only this user, 24 hex digits."`
	Dashboard string `help:"Only this dashboard: a sub-account, 24 hex digits."`
	By        string `enum:"dashboard,user" default:"dashboard" help:"What the answer is ordered by first: dashboard or user."`
	Format    string `enum:"text,json,csv" default:"text" help:"text (sentences), json (one object a line) or csv."`
}

// errCutAnswer ends an answer that does not say that it is whole.
var errCutAnswer = errors.New("the answer is not whole")

func (c accessCommand) Run(ctx context.Context, s streams) error {
	query := url.Values{"format": {"jsonl"}, "by": {c.By}}
	if c.Format == "csv" {
		query.Set("format", "csv")
	}
	for name, value := range map[string]string{"at": c.At, "from": c.From, "to": c.To, "user_id": c.User, "dashboard": c.Dashboard} {
		if value != "" {
			query.Set(name, value)
		}
	}
	const path = "/api/audit/access/export"
	tell := map[string]func(in io.Reader, out io.Writer) error{"text": tellAccess, "json": copyAccess, "csv": copyAccess}[c.Format]
	read, write := io.Pipe()
	told := make(chan error, 1)
	go func() {
		err := tell(read, s.Out)
		read.CloseWithError(err) // so that a download that nobody reads ends
		told <- err
	}()
	err := c.download(ctx, path, query, write)
	write.CloseWithError(err)
	if wrong := <-told; err == nil {
		err = wrong
	}
	return interrupted(ctx, err, "what was printed is not whole")
}

// tellAccess says each line of an export as a sentence, and at the end what the whole stands for.
func tellAccess(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line struct {
			readmodels.AccessSpan

			Complete *bool                     `json:"complete"`
			Reason   string                    `json:"reason"`
			Entries  int                       `json:"entries"`
			AsOf     readmodels.StreamPosition `json:"as_of"`
		}
		if err := json.NewDecoder(bytes.NewReader(lines.Bytes())).Decode(&line); err != nil {
			return fmt.Errorf("the answer is not that of ledgerboard: %w", err)
		}
		if line.Complete == nil {
			fmt.Fprintln(out, accessSentence(line.AccessSpan))
			continue
		}
		fmt.Fprintf(out, "%d times of access, by the records up to version %d. Names are the directory's of today, and not proven.\n",
			line.Entries, line.AsOf.Version)
		if !*line.Complete {
			return fmt.Errorf("%w: %s", errCutAnswer, plain(line.Reason))
		}
		return nil
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errCutAnswer
}

// copyAccess prints lines as they are, JSON or CSV, and fails where the last one does not say that they are all.
func copyAccess(in io.Reader, out io.Writer) error {
	lines, last := bufio.NewReader(in), ""
	for {
		line, err := lines.ReadString('\n')
		if _, err := io.WriteString(out, line); err != nil {
			return err
		}
		if strings.TrimSpace(line) != "" {
			last = strings.TrimSpace(line)
		}
		if errors.Is(err, io.EOF) {
			return wholeAccess(last)
		}
		if err != nil {
			return err
		}
	}
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

// accessSentence says who had access to what, from when to when, and by which records.
func accessSentence(span readmodels.AccessSpan) string {
	var scopes []string
	for _, s := range span.Scopes {
		scopes = append(scopes, s.Scope)
	}
	by := func(r readmodels.Record) string {
		return fmt.Sprintf("%s (version %d, %s, by %s)", r.Time.UTC().Format(time.RFC3339), r.Version, plain(r.Type), whoIs(r.Actor))
	}
	text := fmt.Sprintf("%s had access to the dashboard of %s from %s", whoIs(span.User), whoIs(span.Dashboard), by(span.BeganBy))
	if span.EndedBy == nil {
		text += " on, and still has"
	} else {
		text += " to " + by(*span.EndedBy)
	}
	text += fmt.Sprintf("; on its list since version %d, open to clients since version %d", span.ListedBy.Version, span.AllowedBy.Version)
	if len(scopes) > 0 {
		text += "; scopes " + plain(strings.Join(scopes, ", "))
	}
	if span.Role != nil {
		text += "; today staff of the agency"
	}
	return text + "."
}

func whoIs(n readmodels.Named) string {
	if n.Name == nil {
		return plain(n.ID)
	}
	return fmt.Sprintf("%s [%s]", plain(n.ID), plain(*n.Name))
}
