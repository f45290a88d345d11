package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// claimLog makes sure that the log belongs to the installation of the database. The first start
// claims the log. If two installations claim it at once, the order in the log decides.
func (p *Parts) claimLog(ctx context.Context) error {
	if err := p.checkOwner(ctx); err != nil || p.owned {
		return err
	}
	own, err := p.openInstallation(ctx)
	if err == nil {
		err = appendClaim(ctx, p.Log, domain.InstallationClaimed{ID: own.ID})
	}
	if err != nil {
		return err
	}
	return p.checkOwner(ctx)
}

func belongsTo(owner string) error {
	return fmt.Errorf("the topics belong to another installation (%s) than the database: nothing was changed. Use the "+
		"LEDGERBOARD_TOPIC_PREFIX and the LEDGERBOARD_DATABASE_URL of one installation; a new one needs a prefix "+
		"that only it uses. If the database of the other installation is lost and this one replaces it, run "+
		"'ledgerboard migrate --adopt-log'", owner)
}

// errKnowsAnotherLog means that a prefix or an address is mistyped, or that the log is lost. Nothing
// may be recorded in a new log then: the installation would be split over two.
var errKnowsAnotherLog = errors.New("the database knows a log of this installation, and this is not it: nothing was created. " +
	"Check LEDGERBOARD_KAFKA_BROKERS (without brokers, the data directory), LEDGERBOARD_TOPIC_PREFIX and " +
	"LEDGERBOARD_DATABASE_URL. If the log is lost, restore its backup with 'ledgerboard restore'; to begin again " +
	"without its data, use an empty database")

// mayCreate returns an error if the database knows a log of its installation while the topic with
// the claim on it is missing. A new version may add other topics.
func (p *Parts) mayCreate(ctx context.Context, missing []eventlog.TopicSpec) error {
	if !slices.ContainsFunc(missing, func(t eventlog.TopicSpec) bool { return t.Name == domain.TopicOperations }) {
		return nil
	}
	migrated, err := p.hasTable(ctx, "kept.installation")
	if err != nil || !migrated {
		return err
	}
	own, err := vault.ReadInstallation(ctx, p.KeptPool)
	if err == nil && own.TopicID != "" {
		err = errKnowsAnotherLog
	}
	return err
}

// checkOwner returns an error if the log belongs to another installation than the database. A
// process without a database can append to any log.
func (p *Parts) checkOwner(ctx context.Context) error {
	if p.owned || !p.config.hasDatabase() {
		return nil
	}
	var own vault.Installation // stays zero if the database is new
	migrated, err := p.hasTable(ctx, "kept.installation")
	if err == nil && migrated {
		own, err = p.openInstallation(ctx)
	}
	if err != nil {
		return err
	}
	owner, seen, err := readOwner(ctx, p.Log, own)
	switch {
	case err != nil || owner == "":
		return err
	case owner != own.ID:
		return belongsTo(owner)
	}
	p.owned = true
	return seen.Save(ctx, p.KeptPool)
}

// AdoptLog makes the installation of the database the owner of a log whose owner's database is
// lost. The owner's processes are refused at their next start. If another installation owns the
// log, AdoptLog asks for the reason; otherwise, it only returns false.
func (p *Parts) AdoptLog(
	ctx context.Context, c commands.Caller, ask func(owner string) (domain.Reason, error),
) (adopted bool, err error) {
	own, err := p.openInstallation(ctx)
	if err != nil {
		return false, err
	}
	owner, _, err := readOwner(ctx, p.Log, own)
	if err != nil || owner == "" || owner == own.ID {
		return false, err
	}
	reason, err := ask(owner)
	if err != nil {
		return false, err
	}
	acted := domain.OperatorActed{Action: domain.ActionLogAdopted, Reason: reason}
	return true, p.audit().Act(ctx, c, acted, func(ctx context.Context) (commands.Effect, error) {
		err := appendClaim(ctx, p.Log, domain.InstallationClaimed{ID: own.ID, Replaces: owner})
		if err == nil {
			err = p.claimLog(ctx) // refused if another database was faster
		}
		return commands.Effect{}, err
	})
}

func (p *Parts) openInstallation(ctx context.Context) (own vault.Installation, err error) {
	if err := p.openSafeLog(ctx); err != nil {
		return own, err
	}
	if err := p.OpenDatabase(ctx); err != nil {
		return own, err
	}
	return vault.ReadInstallation(ctx, p.KeptPool)
}

func appendClaim(ctx context.Context, log *eventlog.Log, claim domain.InstallationClaimed) error {
	claim.Format = domain.LogFormat
	draft := commands.NewDraft(domain.TopicOperations, domain.OperationsKeyAll, claim, time.Now())
	draft.Envelope.Audit.Actor = "system:installation"
	if err := log.Append(ctx, draft); err != nil {
		return fmt.Errorf("record in the log that it belongs to this installation: %w", err)
	}
	return nil
}

func otherFormat(format int) error {
	return domain.NewError(domain.CodeConflict, "The log has format %d, but this program reads only format %d. "+
		"Nothing was changed. Use the program that wrote the log. To begin again without its data, start with a new "+
		"LEDGERBOARD_TOPIC_PREFIX and an empty database, or, without brokers, with an empty data directory.",
		max(format, 1), domain.LogFormat)
}

// readOwner returns the id of the installation that the log belongs to, or "" if none has claimed
// it, which is an error if own knows another log. It reads only the claims that own has not seen yet;
// the second result has seen all of them.
func readOwner(
	ctx context.Context, log *eventlog.Log, own vault.Installation,
) (owner string, seen vault.Installation, err error) {
	ranges, id, err := log.Ranges(ctx, domain.TopicOperations)
	if err != nil {
		return "", own, fmt.Errorf("read whom the log belongs to: %w", err)
	}
	p := eventlog.PartitionOf([]byte(domain.OperationsKeyAll), int32(len(ranges)))
	seen = vault.Installation{ID: own.ID, TopicID: id.String(), Next: ranges[p].End}
	var from int64
	if own.TopicID == seen.TopicID && own.Next <= seen.Next {
		from, owner = own.Next, own.ID
	}
	err = log.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll, TopicID: id,
		From: map[int32]int64{p: from}, To: map[int32]int64{p: seen.Next},
		Handle: eventlog.ByRecord(func(r eventlog.Record) error {
			recorded, _ := log.Decode(r) // an unreadable record claims nothing
			claim, ok := recorded.Data.(domain.InstallationClaimed)
			if ok && claim.Format != domain.LogFormat {
				return otherFormat(claim.Format)
			}
			if ok && (owner == "" || claim.Replaces == owner) {
				owner = claim.ID
			}
			return nil
		}),
	})
	if err != nil {
		return "", own, fmt.Errorf("read whom the log belongs to: %w", err)
	}
	if owner == "" && own.TopicID != "" && own.TopicID != seen.TopicID {
		return "", own, fmt.Errorf("nobody has claimed the topics: %w", errKnowsAnotherLog)
	}
	return owner, seen, nil
}
