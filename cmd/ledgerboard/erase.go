package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/secret"
	"github.com/ledgerboard/ledgerboard/internal/tabular"
)

// eraseCommand erases a person from the directory (GDPR). Histories keep the person's id and can
// still be verified.
type eraseCommand struct {
	remote
	installation
	As string `placeholder:"NAME" help:"Your name, which is recorded as claimed and not proved. With --url, the token names you."`
	actionFlags
	orderFlags
	User          string        `xor:"who" required:"" type:"hexid" placeholder:"ID" help:"User id, 24 hex digits."`
	Member        int64         `xor:"who" required:"" placeholder:"ID" help:"Member id. If the member belongs to a user, the user and all members of the user are erased."`
	SocialAccount []int64       `placeholder:"ID" help:"Social account of the agency to erase together with its figures; repeatable. Pages that are not listed stay with the client."`
	List          bool          `xor:"who" required:"" help:"Print the erasures recorded in the log, one JSON object per line: kind, id and time. Store the output outside the backups."`
	Direct        bool          `help:"With --list: ask no service, read the log. Use it if no service runs."`
	From          string        `xor:"who" required:"" type:"existingfile" placeholder:"FILE" help:"Repeat the erasures in a file printed by --list, without a service. Use it after restoring an older log."`
	JSON          bool          `help:"Print a JSON object."`
	Wait          time.Duration `default:"1m" help:"How long to wait until the tables show the erasure."`
}

func (e eraseCommand) Run(ctx context.Context, std streams) error {
	switch {
	case e.Direct && !e.List:
		return usageError{errors.New("--direct works only with --list: nothing was erased")}
	case e.List:
		return e.list(ctx, std)
	case e.From != "":
		return e.repeat(ctx, std)
	}
	at, err := e.connect(ctx, e.DataDir, e.As)
	if err != nil {
		return err
	}
	path := "/api/ops/users/" + e.User + "/erase"
	if e.User == "" {
		path = fmt.Sprintf("/api/ops/members/%d/erase", e.Member)
	}
	body := map[string]any{"social_accounts": e.SocialAccount, "wait": e.Wait.String()}
	preview, err := post[operator.Erasure](ctx, at, path+"/preview", body)
	if err != nil {
		return err
	}
	if !e.Yes {
		if err := e.print(std.Out, preview); err != nil {
			return err
		}
	}
	reason, err := e.order(std)
	if err != nil {
		return err
	}
	body["reason"], body["ordered_by"], body["ground"], body["due"] = reason.String(), e.OrderedBy, e.Ground, e.Due
	erased, err := post[operator.Erasure](ctx, at, path, body)
	if err != nil {
		return err
	}
	return e.print(std.Out, erased)
}

// orderFlags are recorded together with the reason.
type orderFlags struct {
	OrderedBy string `placeholder:"WHO" help:"Who ordered the erasure: person, client, agency, platform or authority."`
	Ground    string `placeholder:"GROUND" help:"Legal ground: not_needed, consent_withdrawn, objection, unlawful or legal_obligation (GDPR article 17)."`
	Due       string `placeholder:"YYYY-MM-DD" help:"Deadline of the erasure."`
}

func (e eraseCommand) order(std streams) (domain.Reason, error) {
	if e.OrderedBy == "" || e.Ground == "" || e.Due == "" {
		missing := "--ordered-by, --ground and --due"
		if flags := e.missing(); flags != "" && !asksOn(std) {
			missing += ", and " + flags
		}
		return domain.Reason{}, usageError{fmt.Errorf("nothing was erased: also set %s", missing)}
	}
	return e.confirm(std, "permanently erase what is listed above")
}

func (e eraseCommand) print(out io.Writer, report operator.Erasure) error {
	if e.JSON {
		return json.NewEncoder(out).Encode(report)
	}
	verb := "Would erase"
	if report.Erased {
		verb = "Erased"
	}
	if report.Before {
		fmt.Fprintln(out, "This person has already been erased. This erasure covers only data that remained "+
			"or arrived late: texts and figures of posts, and results of readings.")
	}
	fmt.Fprintf(out, "%s (agency %s):\n", verb, report.ParentAccount)
	if report.User != "" {
		fmt.Fprintf(out, "  user %s and %d sessions\n", report.User, report.Sessions)
	}
	fmt.Fprintf(out, "  members %v, connections %v, own profiles %v\n  %d stored secrets\n",
		report.Members, report.Connections, report.Profiles, report.Secrets)
	fmt.Fprintf(out, "  listed social accounts %v\n  figures of %d social accounts, up to now\n  %d texts of their posts\n",
		report.Named, len(report.Profiles)+len(report.Named), report.Contents)
	if len(report.Pages) > 0 {
		fmt.Fprintf(out, "Kept without a connection: pages %v. They are read again when someone else connects them.\n",
			report.Pages)
	}
	if len(report.Shared)+report.KeptSecrets > 0 {
		fmt.Fprintf(out, "Kept: connections %v and %d stored secrets, with which pages of other members are read. "+
			"If the same person connected them, here or in another agency, erase these members too.\n",
			report.Shared, report.KeptSecrets)
	}
	if report.Erased {
		fmt.Fprintf(out, `Kept: ids in histories, which can still be verified; figures on topic metrics (ids and numbers), `+
			`which no longer produce rows;
content published on the platforms; and earlier generations of tables, until they are dropped after their grace period.
Removed from tables and responses: now. The person's open streams and tickets are closed within 10 seconds.
Removed from the log: by %s, when topics directory and contents are compacted (after 24 hours at the earliest, and only
if their partitions get new records; the embedded broker, which is for testing, never compacts). `+
			`Removed from backups: when the last older backup is deleted.
`, time.Now().UTC().Add(eventlog.MaxCompactionDelay).Format(time.DateOnly))
	}
	return nil
}

func (e eraseCommand) list(ctx context.Context, std streams) error {
	print := func(lines []domain.ErasedID, err error) error {
		out := tabular.NewLines(std.Out)
		for _, line := range lines {
			err = cmp.Or(err, out.Row(line))
		}
		return err
	}
	if e.Direct {
		return e.withExistingLog(ctx, std, func(log *eventlog.Log) error { return print(app.Erasures(ctx, log)) })
	}
	at, err := e.connect(ctx, e.DataDir, e.As)
	if err != nil {
		return err
	}
	return print(fetch[[]domain.ErasedID](ctx, at, "/api/ops/erasures"))
}

func (e eraseCommand) repeat(ctx context.Context, std streams) error {
	lines, err := readErasures(e.From)
	if err != nil {
		return usageError{err}
	}
	if err := e.needLogAndTables(); err != nil {
		return err
	}
	// The question comes first: it needs nothing from the log, and nobody waits for a lock meanwhile.
	reason, err := e.confirm(std, fmt.Sprintf("repeat the %d erasures in %s: "+
		"all data of the erased entities from before the time of each erasure is permanently erased",
		len(lines), e.From))
	if err != nil {
		return err
	}
	config := e.config(e.logger(std))
	config.Existing = true // a log created just now would contain nothing to erase
	return withParts(config, func(parts *app.Parts) error {
		if err := parts.OpenLog(ctx); err != nil { // fails before the database is changed
			return err
		}
		if err := parts.Migrate(ctx); err != nil {
			return err
		}
		appended, err := parts.EraseAgain(ctx, domain.NewErasures(lines), reason)
		if err != nil {
			return err
		}
		fmt.Fprintf(std.Out, "Repeated %d erasures: %d records appended. "+
			"The tables show the erasures when the service has folded these records.\n", len(lines), appended)
		return nil
	})
}

// readErasures reads the output of --list. Any invalid line is an error, because a partial list
// would leave some entities unerased.
func readErasures(path string) (lines []domain.ErasedID, err error) {
	raw, err := secret.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the list of erasures: %w", err)
	}
	n := 0
	for text := range bytes.Lines([]byte(raw)) { // not a Scanner: lines have no length limit
		n++
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var line domain.ErasedID
		err := json.Unmarshal(text, &line)
		if err == nil && (line.Kind == "" || line.ID == "" || line.At.IsZero()) {
			err = errors.New("kind, id or at is missing")
		}
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w; nothing was erased", path, n, err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}
