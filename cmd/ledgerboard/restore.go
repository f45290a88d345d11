package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// restoreCommand writes a backup into brokers that have no log.
type restoreCommand struct {
	storage
	logging
	actionFlags
	From        string `required:"" placeholder:"DIR" help:"Directory of the backup."`
	Checkpoints string `env:"LEDGERBOARD_CHECKPOINT_FILE" placeholder:"FILE" help:"File of signed checkpoints outside of the log: it knows how far the log went. None: checkpoints.txt in the data directory."`
}

// restoring is a restore under way.
type restoring struct {
	restoreCommand

	parts    *assembly.Parts
	target   *eventlog.Target
	files    *backup.Files
	m        *backup.Manifest
	records  int64
	versions map[string]int64 // of agencies, the last in the backup
}

func (c restoreCommand) Run(ctx context.Context, s streams) (err error) {
	files, err := backup.Open(c.From)
	if err != nil {
		return err
	}
	defer files.Close()
	parts := assembly.NewParts(c.backends(c.logger(s)))
	defer func() { err = errors.Join(err, parts.Close()) }()
	r := &restoring{restoreCommand: c, parts: parts, files: files, m: files.Manifest, versions: map[string]int64{}}
	return explainInUse(r.run(ctx, s))
}

// run looks at everything first, asks, and changes nothing before.
func (r *restoring) run(ctx context.Context, s streams) error {
	epoch, err := r.m.Epoch()
	if err != nil {
		return err
	}
	if _, err := r.parts.KnownOfLog(ctx, epoch); err != nil { // the check may take hours
		return err
	}
	if r.target, err = r.parts.RestoreTarget(ctx, epoch); err != nil {
		return err
	}
	if err := r.check(ctx, s); err != nil {
		return err
	}
	restore, err := r.files.Restore(ctx, r.target)
	if err != nil {
		return err
	}
	known, err := r.known(ctx, epoch, restore)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	signed, err := r.checkpointed()
	if err != nil {
		return err
	}
	reason, err := r.confirm(s, r.inWords(known, signed, restore))
	if err != nil {
		return err
	}
	if _, err := r.known(ctx, epoch, restore); err != nil { // the check and the question may have taken hours
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return r.write(ctx, s, restore, epoch, reason)
}

// known asks the database, and refuses what it does not bear.
func (r *restoring) known(ctx context.Context, epoch eventlog.Epoch, restore *backup.Restore) (assembly.Known, error) {
	known, err := r.parts.KnownOfLog(ctx, epoch)
	if err != nil {
		return known, err
	}
	ids, err := r.m.TopicIDs()
	if err != nil {
		return known, err
	}
	return known, known.Holds(r.m, ids, restore.TopicIDs(), r.versions)
}

// check reads the whole backup, and the last version of each agency in it.
func (r *restoring) check(ctx context.Context, s streams) error {
	shown, end := follow(s, "Check (bytes)")
	defer end()
	found, err := r.files.Check(ctx, func(rec eventlog.Record) {
		if rec.Topic == domain.TopicDashboards && r.target.Ours(rec) {
			version, _ := strconv.ParseInt(rec.Header(eventlog.MetadataVersion), 10, 64) // whose form was looked at
			agency := string(rec.Key)
			r.versions[agency] = max(r.versions[agency], version)
		}
	}, shown)
	r.records = found.Records
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w; nothing was restored", err)
	}
	return interrupted(ctx, err, nothingDone)
}

// inWords says what will be done.
func (r *restoring) inWords(known assembly.Known, signed string, restore *backup.Restore) string {
	where := "the broker in " + r.DataDir
	if len(r.KafkaBrokers) > 0 {
		where = "the brokers " + strings.Join(r.KafkaBrokers, ", ")
	}
	words := fmt.Sprintf("write the backup of log %s as of %s, %d records, into %s", r.m.Log, r.m.Finished.Format(time.RFC3339), r.records, where)
	if restore.Begun() {
		words += fmt.Sprintf(", which hold the beginning of it already (%d offsets are left)", restore.Left())
	}
	switch {
	case known.Database && signed != "":
		words += ". The database and the file of checkpoints know nothing that the backup lacks"
	case known.Database:
		words += ". The database knows nothing that the backup lacks; there is no file of checkpoints to ask"
	case signed != "":
		words += ". The file of checkpoints knows nothing that the backup lacks; there is no database of this log to ask"
	default:
		words += ". There is neither a database of this log nor a file of its checkpoints, so nobody can tell here whether the log went on behind the backup: " +
			"what it had more is lost, and its versions are given out again"
	}
	return words
}

// write does it, asks the database once more, and records it in the log that is there then.
func (r *restoring) write(ctx context.Context, s streams, restore *backup.Restore, epoch eventlog.Epoch, reason domain.Reason) error {
	shown, end := follow(s, "Restore (offsets)")
	err := restore.Write(ctx, shown)
	end()
	if err != nil {
		return interrupted(ctx, err, restoreCut)
	}
	var moved int64
	if _, err = r.known(ctx, epoch, restore); err == nil {
		moved, err = r.parts.MoveTables(ctx, r.m, restore.TopicIDs())
	}
	if err != nil {
		return fmt.Errorf("the log is written, and the database was left as it is; start nothing on them together: %w", err)
	}
	if err := r.parts.RecordRestore(ctx, operatorCaller(), r.m.Finished, reason); err != nil {
		return fmt.Errorf("the log is restored, and that is not recorded in it: %w", refused(err))
	}
	fmt.Fprintf(s.Out, "Restored log %s as of %s: %d records.\n", r.m.Log, r.m.Finished.Format(time.RFC3339), r.records)
	if moved > 0 {
		fmt.Fprintf(s.Out, "%d sets of tables go on where they stood.\n", moved)
	}
	if r.ErasuresFile == "" {
		fmt.Fprintln(s.Out, "LEDGERBOARD_ERASURES_FILE is not set: who was erased since the backup is back. Set it for the service before it starts.")
	}
	fmt.Fprintln(s.Out, "Start the service, and run ledgerboard verify --all: docs/restore.md.")
	return nil
}

// checkpointPath is where signed checkpoints lie outside of the log.
func (r *restoring) checkpointPath() string {
	return cmp.Or(r.Checkpoints, filepath.Join(r.DataDir, checkpointList))
}
