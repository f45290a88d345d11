package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

type restoreCommand struct {
	storage
	logging
	actionFlags
	From string `required:"" placeholder:"DIR" help:"Directory of the backup."`
}

type restoring struct {
	restoreCommand

	parts   *assembly.Parts
	target  *eventlog.Target
	files   *backup.Files
	m       *backup.Manifest
	records int64
	heads   map[string]domain.StreamHead // of agencies, in the backup
}

func (c restoreCommand) Run(ctx context.Context, s streams) error {
	files, err := backup.Open(c.From)
	if err != nil {
		return err
	}
	defer files.Close()
	return withParts(c.backends(c.logger(s)), func(parts *assembly.Parts) error {
		r := &restoring{restoreCommand: c, parts: parts, files: files, m: files.Manifest, heads: map[string]domain.StreamHead{}}
		return r.run(ctx, s)
	})
}

// run looks at everything first, asks, and changes nothing before.
func (r *restoring) run(ctx context.Context, s streams) (err error) {
	if r.target, err = r.parts.RestoreTarget(ctx); err != nil {
		return err
	}
	if err := r.check(ctx, s); err != nil {
		return err
	}
	if err := r.files.Fits(ctx, r.target); err != nil {
		return err
	}
	lost, err := r.parts.FoldedBeyond(ctx, r.m)
	if err != nil {
		return err
	}
	reason, err := r.confirm(s, r.inWords(lost))
	if err != nil {
		return err
	}
	return r.write(ctx, s, reason)
}

// check reads the whole backup, and the head of each agency in it.
func (r *restoring) check(ctx context.Context, s streams) error {
	shown, end := follow(s, "Check (bytes)")
	defer end()
	partitions := int32(0)
	if t := r.m.Topic(domain.TopicDashboards); t != nil {
		partitions = int32(len(t.Partitions))
	}
	found, err := r.files.Check(ctx, func(rec eventlog.Record) {
		if rec.Topic != domain.TopicDashboards {
			return
		}
		if verdict, head, _ := eventlog.Judge(r.heads[string(rec.Key)], rec, partitions); verdict == eventlog.Effective {
			r.heads[string(rec.Key)] = head
		}
	}, shown)
	r.records = found.Records
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w; nothing was restored", err)
	}
	return interrupted(ctx, err, nothingDone)
}

// inWords says what will be done, and what the database has folded that the backup lacks.
func (r *restoring) inWords(lost map[string]int64) string {
	where := "the broker in " + r.DataDir
	if len(r.KafkaBrokers) > 0 {
		where = "the brokers " + strings.Join(r.KafkaBrokers, ", ")
	}
	var words strings.Builder
	fmt.Fprintf(&words, "write the backup of %s, %d records, into %s", r.m.Cut.Format(time.RFC3339), r.records, where)
	words.WriteString(". What the log recorded after the backup is lost")
	for _, topic := range slices.Sorted(maps.Keys(lost)) {
		fmt.Fprintf(&words, "; of topic %s the database knows %d such records", topic, lost[topic])
	}
	words.WriteString(". The service makes its read models again when it starts")
	return words.String()
}

// write does it, fits the database to the restored log, and records the restore in it.
func (r *restoring) write(ctx context.Context, s streams, reason domain.Reason) error {
	shown, end := follow(s, "Restore (offsets)")
	err := r.files.Restore(ctx, r.target, shown)
	end()
	if err != nil {
		return interrupted(ctx, err, restoreCut)
	}
	versions := map[string]int64{}
	for agency, head := range r.heads {
		versions[agency] = head.Version
	}
	if err := r.parts.SetBack(ctx, r.m, versions); err != nil {
		return fmt.Errorf("the log is restored, but the database was left as it is: delete the topics and restore again: %w", err)
	}
	if err := r.parts.RecordRestore(ctx, operatorCaller(), domain.OperatorTarget{Until: &r.m.Cut}, reason); err != nil {
		return fmt.Errorf("the log is restored, and that is not recorded in it: %w", refused(err))
	}
	fmt.Fprintf(s.Out, "Restored the log as of %s: %d records. The service makes its read models again when it starts.\n",
		r.m.Cut.Format(time.RFC3339), r.records)
	fmt.Fprintln(s.Out, "People who were erased since the backup are back: repeat their erasures with 'ledgerboard erase --from FILE', FILE being what\n"+
		"'ledgerboard erase --list' printed last. Then start the service, and run ledgerboard verify --all: docs/restore.md.")
	return nil
}
