package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

type restoreCommand struct {
	installation
	actionFlags
	From string `required:"" placeholder:"DIR" help:"Directory that contains the backup."`
}

type restoreRun struct {
	restoreCommand

	parts   *app.Parts
	target  *eventlog.Target
	files   *backup.Files
	m       *backup.Manifest
	records int64                        // to be restored
	leftOut int64                        // invalid records that cannot be written again
	heads   map[string]domain.StreamHead // by agency, from the backup
}

func (r restoreCommand) Run(ctx context.Context, std streams) error {
	files, err := backup.Open(r.From)
	if err != nil {
		return err
	}
	defer files.Close()
	return withParts(r.config(r.logger(std)), func(parts *app.Parts) error {
		run := &restoreRun{
			restoreCommand: r, parts: parts, files: files, m: files.Manifest, heads: map[string]domain.StreamHead{},
		}
		return run.run(ctx, std)
	})
}

func (r *restoreRun) run(ctx context.Context, std streams) (err error) {
	if r.target, err = r.parts.RestoreTarget(ctx); err != nil {
		return err
	}
	if err := r.check(ctx, std); err != nil {
		return err
	}
	if err := r.files.CheckTarget(ctx, r.target); err != nil {
		return err
	}
	lost, otherLog, err := r.parts.FoldedBeyond(ctx, r.m)
	if err != nil {
		return err
	}
	reason, err := r.confirm(std, r.inWords(lost, otherLog))
	if err != nil {
		return err
	}
	return r.write(ctx, std, reason)
}

// check checks the whole backup and sets r.records and r.heads.
func (r *restoreRun) check(ctx context.Context, std streams) error {
	bar := progress{out: std.Err, label: "Check (bytes)"}
	defer bar.end()
	partitions := int32(0)
	if t := r.m.Topic(domain.TopicDashboards); t != nil {
		partitions = int32(len(t.Partitions))
	}
	found, err := r.files.Check(ctx, func(rec eventlog.Record) {
		if rec.Topic != domain.TopicDashboards {
			return
		}
		agency := string(rec.Key)
		if verdict, head, _ := eventlog.Judge(r.heads[agency], rec, partitions); verdict == eventlog.Effective {
			r.heads[agency] = head
		}
	}, bar.reach)
	r.records, r.leftOut = found.Records-found.LeftOut, found.LeftOut
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w; nothing was restored", err)
	}
	return interruptedError(ctx, err, nothingDone)
}

func (r *restoreRun) inWords(lost map[string]int64, otherLog bool) string {
	where := "the broker in " + r.DataDir
	if len(r.KafkaBrokers) > 0 {
		where = "the brokers " + strings.Join(r.KafkaBrokers, ", ")
	}
	words := []string{fmt.Sprintf("write the backup of %s, %d records, into %s. "+
		"Records written to the log after the backup are lost", r.m.Cut.Format(time.RFC3339), r.records, where)}
	for _, topic := range slices.Sorted(maps.Keys(lost)) {
		words = append(words, fmt.Sprintf("on topic %s the database has folded %d such records", topic, lost[topic]))
	}
	if otherLog {
		words = append(words, "the tables were built from another log than the one in the backup, "+
			"so it is not known how many of their records are lost")
	}
	if r.leftOut > 0 {
		words = append(words, fmt.Sprintf("%d invalid records (without a key, or too large) are left out", r.leftOut))
	}
	return strings.Join(words, "; ") + ". The service rebuilds its read models when it starts"
}

func (r *restoreRun) write(ctx context.Context, std streams, reason domain.Reason) error {
	bar := progress{out: std.Err, label: "Restore (offsets)"}
	err := r.files.Restore(ctx, r.target, bar.reach)
	bar.end()
	if err != nil {
		return interruptedError(ctx, err, restoreCut)
	}
	versions := map[string]int64{}
	for agency, head := range r.heads {
		versions[agency] = head.Version
	}
	if err := r.parts.ResetAfterRestore(ctx, r.m, versions); err != nil {
		return fmt.Errorf("the log was restored, but the database was not changed; "+
			"restore again with another LEDGERBOARD_TOPIC_PREFIX: %w", err)
	}
	if err := r.parts.RecordRestore(ctx, operatorCaller(), domain.OperatorTarget{Until: &r.m.Cut}, reason); err != nil {
		return fmt.Errorf("the log was restored, but the restore could not be recorded in it: %w", commandError(err))
	}
	fmt.Fprintf(std.Out, `Restored the log as of %s: %d records. The service rebuilds its read models when it starts.
People who were erased after the backup are in the log again. Run 'ledgerboard migrate', then repeat their erasures with
'ledgerboard erase --from FILE': FILE is the last output of 'ledgerboard erase --list'. `+
		"Then start the service and run 'ledgerboard verify --all'. See docs/restore.md.\n",
		r.m.Cut.Format(time.RFC3339), r.records)
	return nil
}
