package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// eraseCommand erases a person from the directory (GDPR). Histories keep the person's id and can
// still be verified.
type eraseCommand struct {
	installation
	actionFlags
	orderFlags
	User          string        `xor:"who" required:"" type:"hexid" placeholder:"ID" help:"User id, 24 hex digits."`
	Member        int64         `xor:"who" required:"" placeholder:"ID" help:"Member id. If the member belongs to a user, the user and all members of the user are erased."`
	SocialAccount []int64       `placeholder:"ID" help:"Social account of the agency to erase together with its figures; repeatable. Pages that are not listed stay with the client."`
	List          bool          `xor:"who" required:"" help:"Print the erasures recorded in the log, one JSON object per line: kind, id and time. Store the output outside the backups."`
	From          string        `xor:"who" required:"" type:"existingfile" placeholder:"FILE" help:"Repeat the erasures in a file printed by --list. Use it after restoring an older log."`
	JSON          bool          `help:"Print a JSON object."`
	Wait          time.Duration `default:"1m" help:"How long to wait until the tables show the erasure."`
}

func (c eraseCommand) Run(ctx context.Context, s streams) error {
	switch {
	case c.List:
		return c.list(ctx, s)
	case c.From != "":
		return c.repeat(ctx, s)
	}
	if err := c.needLogAndTables(); err != nil {
		return err
	}
	e := erasure{eraseCommand: c, log: c.logger(s)}
	return withParts(c.backends(e.log), func(parts *assembly.Parts) error {
		e.parts = parts
		if err := e.open(ctx); err != nil {
			return err
		}
		if len(c.KafkaBrokers) > 0 {
			return e.run(ctx, s)
		}
		return foldWhile(ctx, e.engines, func(ctx context.Context) error { return e.run(ctx, s) })
	})
}

// orderFlags are recorded together with the reason.
type orderFlags struct {
	OrderedBy string `placeholder:"WHO" help:"Who ordered the erasure: person, client, agency, platform or authority."`
	Ground    string `placeholder:"GROUND" help:"Legal ground: not_needed, consent_withdrawn, objection, unlawful or legal_obligation (GDPR article 17)."`
	Due       string `placeholder:"YYYY-MM-DD" help:"Deadline of the erasure."`
}

func (c eraseCommand) order(s streams) (domain.ErasureOrder, error) {
	if c.OrderedBy == "" || c.Ground == "" || c.Due == "" {
		missing := "--ordered-by, --ground and --due"
		if flags := c.missing(); flags != "" && !asksOn(s) {
			missing += ", and " + flags
		}
		return domain.ErasureOrder{}, usageError{fmt.Errorf("nothing was erased: also set %s", missing)}
	}
	reason, err := c.confirm(s, "permanently erase what is listed above")
	if err != nil {
		return domain.ErasureOrder{}, err
	}
	order := domain.ErasureOrder{By: c.OrderedBy, Ground: c.Ground, Due: c.Due, Reason: reason}
	return order, commandError(order.Validate())
}

type erasure struct {
	eraseCommand

	log          *slog.Logger
	parts        *assembly.Parts
	secrets      struct{ deleted, kept int }
	people       directory.People
	erasedBefore bool // the person is no longer in the directory
	// of the projections that contain personal data or figures of the person
	engines       []*projections.Engine
	sourceEngines []*projections.Engine // of the projections that list what there is to erase, and erasures
}

func (e *erasure) open(ctx context.Context) error {
	if _, err := e.parts.Log(ctx); err != nil { // fails before the database is changed
		return err
	}
	if err := e.parts.Migrate(ctx); err != nil {
		return err
	}
	var err error
	if e.people.Pool, err = e.parts.Tables(ctx); err != nil {
		return err
	}
	if e.sourceEngines, err = e.parts.Engines(ctx, assembly.PeopleProjections...); err != nil {
		return err
	}
	names := slices.Clone(assembly.PeopleProjections)
	for _, p := range projectors.All() {
		if slices.Contains(p.Types, domain.AccountErased{}.EventType()) {
			names = append(names, p.Name)
		}
	}
	e.engines, err = e.parts.Engines(ctx, names...)
	return err
}

func (e *erasure) run(ctx context.Context, s streams) error {
	folded := checkFolded(e.sourceEngines, "", "nothing was erased. Is a service with the role projector running?")
	if err := e.await(ctx, folded); err != nil {
		return err
	}
	person, err := e.find(ctx)
	if e.erasedBefore = errors.Is(err, directory.ErrPersonNotFound); err != nil && !e.erasedBefore {
		return err
	}
	recorded, err := e.recall(ctx, &person)
	switch {
	case err != nil:
		return err
	case e.erasedBefore && !recorded:
		return commandError(directory.ErrPersonNotFound)
	}
	unlisted := slices.DeleteFunc(slices.Clone(e.SocialAccount), func(id int64) bool {
		return slices.Contains(person.SocialAccountsToErase(), id)
	})
	if len(unlisted) > 0 {
		if err := e.people.Name(ctx, &person, unlisted); err != nil {
			return commandError(err)
		}
	}
	vaultPool, err := e.parts.Vault(ctx)
	if err != nil {
		return err
	}
	kept := vault.NewEraser(vaultPool)
	e.secrets.deleted, e.secrets.kept, err = kept.Secrets(ctx, domain.ConnectionIDs(person.Connections),
		domain.SecretRefs(person.Connections), domain.SecretRefs(person.Shared))
	if err != nil {
		return err
	}
	if !e.Yes {
		if err := e.print(s.Out, person, false); err != nil {
			return err
		}
	}
	order, err := e.order(s)
	if err != nil {
		return err
	}
	log, err := e.parts.Log(ctx)
	if err != nil {
		return err
	}
	erase := commands.ErasePerson{
		Append: log.AppendBulk, Kept: kept, Order: order, Now: time.Now, Contents: e.people.ContentsOf,
		Folded: func(ctx context.Context) error {
			return e.await(ctx, checkFolded(e.sourceEngines, "", "Is a service with the role projector running?"))
		},
	}
	first := erase.Erase
	if e.erasedBefore {
		first = erase.EraseRest
	}
	if err := first(ctx, person); err != nil {
		return err
	}
	for _, check := range []func(context.Context) (string, error){
		e.checkErased,
		checkFolded(e.engines, "the erasure is in the log, but ", "Is a service with the role projector running?"),
	} {
		if err := e.await(ctx, check); err != nil {
			return err
		}
	}
	return e.print(s.Out, person, true)
}

func (e *erasure) find(ctx context.Context) (domain.Person, error) {
	if e.Member > 0 {
		return e.people.OfMember(ctx, e.Member)
	}
	return e.people.OfUser(ctx, e.User)
}

// checkFolded returns a check that the tables contain all records that were in the log when the
// check was first called.
func checkFolded(engines []*projections.Engine, before, after string) func(context.Context) (string, error) {
	behind := assembly.Behind(engines)
	return func(ctx context.Context) (string, error) {
		projection, events, err := behind(ctx)
		if err != nil || projection == "" {
			return "", err
		}
		return fmt.Sprintf("%sthe tables of projection %s are %d events behind the log: %s",
			before, projection, events, after), nil
	}
}

func (e *erasure) checkErased(ctx context.Context) (string, error) {
	_, err := e.find(ctx)
	if errors.Is(err, directory.ErrPersonNotFound) {
		return "", nil
	}
	return "the erasure is in the log, but the tables do not show it yet. " +
		"Is a service with the role projector running?", err
}

// await polls until check returns no reason to wait, for at most the duration --wait.
func (e *erasure) await(ctx context.Context, check func(context.Context) (reason string, err error)) error {
	logged := ""
	for end := time.Now().Add(e.Wait); ; {
		reason, err := check(ctx)
		switch {
		case err != nil || reason == "":
			return err
		case time.Now().After(end):
			return errors.New(reason)
		case reason != logged:
			e.log.DebugContext(ctx, "waiting", "reason", reason)
			logged = reason
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

type erasureReport struct {
	domain.PersonErased

	ParentAccount string `json:"parent_account"`
	Secrets       int    `json:"secrets"`
	// connections and secrets that are kept, because pages of other members are read with them
	Shared      []int64 `json:"connections_kept,omitempty"`
	KeptSecrets int     `json:"secrets_kept,omitempty"`
	Erased      bool    `json:"erased"`
	// the log records an earlier erasure: only remaining and late data is erased
	Before bool `json:"erased_before,omitempty"`
}

func (e *erasure) print(out io.Writer, p domain.Person, done bool) error {
	report := erasureReport{
		PersonErased: p.Erased(), ParentAccount: p.ParentAccount, Shared: domain.ConnectionIDs(p.Shared),
		Secrets: e.secrets.deleted, KeptSecrets: e.secrets.kept, Erased: done, Before: e.erasedBefore,
	}
	report.Accounts = nil // they are in the record
	if e.JSON {
		return json.NewEncoder(out).Encode(report)
	}
	verb := "Would erase"
	if done {
		verb = "Erased"
	}
	if e.erasedBefore {
		fmt.Fprintln(out, "This person has already been erased. This erasure covers only data that remained "+
			"or arrived late: texts and figures of posts, and results of readings.")
	}
	fmt.Fprintf(out, "%s (agency %s):\n", verb, p.ParentAccount)
	if p.User != "" {
		fmt.Fprintf(out, "  user %s and %d sessions\n", p.User, len(p.Sessions))
	}
	fmt.Fprintf(out, "  members %v, connections %v, own profiles %v\n  %d stored secrets\n",
		report.Members, report.Connections, report.Profiles, report.Secrets)
	fmt.Fprintf(out, "  listed social accounts %v\n  figures of %d social accounts, up to now\n  %d texts of their posts\n",
		report.Named, len(p.SocialAccountsToErase()), report.Contents)
	if len(report.Pages) > 0 {
		fmt.Fprintf(out, "Kept without a connection: pages %v. They are read again when someone else connects them.\n",
			report.Pages)
	}
	if len(report.Shared)+report.KeptSecrets > 0 {
		fmt.Fprintf(out, "Kept: connections %v and %d stored secrets, with which pages of other members are read. "+
			"If the same person connected them, here or in another agency, erase these members too.\n",
			report.Shared, report.KeptSecrets)
	}
	if done {
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
