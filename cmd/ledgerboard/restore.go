package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/knownlog"
)

// restoreCommand writes a backup into brokers that have no log.
type restoreCommand struct {
	storage
	logging
	actionFlags
	From  string `required:"" placeholder:"DIR" help:"Directory of the backup."`
	Older bool   `help:"Accept a backup that is older than what is known of the log: what is named is withdrawn, an epoch of the log begins, and the read models are made anew."`
	Key   string `type:"existingfile" placeholder:"FILE" help:"File with the private key of checkpoints. It signs what is withdrawn, by whom and why; needed where signed checkpoints know more than the backup."`

	began func() error // told once the epoch stands in the log; its error cuts the restore there. nil: nobody is
}

// restoring is a restore under way.
type restoring struct {
	restoreCommand

	parts    *assembly.Parts
	target   *eventlog.Target
	files    *backup.Files
	m        *backup.Manifest
	epochs   []domain.EpochBegun // of the log that was backed up
	records  int64
	versions map[string]int64 // of agencies, the last in the backup
	withdrawal
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
func (r *restoring) run(ctx context.Context, s streams) (err error) {
	if r.epochs, err = r.m.Epochs(); err != nil {
		return err
	}
	if err := r.readKey(); err != nil {
		return err
	}
	if _, err := r.parts.KnownOfLog(ctx, r.epochs); err != nil { // the check may take hours
		return err
	}
	if r.target, err = r.parts.RestoreTarget(ctx, r.epochs); err != nil {
		return err
	}
	if err := r.check(ctx, s); err != nil {
		return err
	}
	restore, err := r.files.Restore(ctx, r.target)
	if err != nil {
		return err
	}
	known, err := r.known(ctx, restore)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	signed, err := r.checkpointed()
	if err = r.accept(err, restore); err != nil {
		return err
	}
	if r.untold = !known.Database && signed == "" && restore.Epoch() == nil; r.untold && r.Older {
		r.withdraws = true // the operator says so in the place of who would know
	}
	if err := r.needKey(restore); err != nil {
		return err
	}
	reason, err := r.confirm(s, r.inWords(known, signed, restore))
	if err != nil {
		return err
	}
	if _, err := r.known(ctx, restore); err != nil { // the check and the question may have taken hours
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return r.write(ctx, s, restore, reason)
}

// known asks the database, and refuses what it does not bear, or takes it for accepted.
func (r *restoring) known(ctx context.Context, restore *backup.Restore) (knownlog.Known, error) {
	known, err := r.parts.KnownOfLog(ctx, r.epochs)
	if err != nil {
		return known, err
	}
	ids, err := r.m.TopicIDs()
	if err != nil {
		return known, err
	}
	r.lost, r.knownEpochs = known.Lost(r.m, r.versions), known.Epochs
	return known, r.accept(known.Holds(r.m, ids, restore.TopicIDs(), r.versions), restore)
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
		r.see(rec)
	}, shown)
	r.records = found.Records
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w; nothing was restored", err)
	}
	return interrupted(ctx, err, nothingDone)
}

// inWords says what will be done.
func (r *restoring) inWords(known knownlog.Known, signed string, restore *backup.Restore) string {
	where := "the broker in " + r.DataDir
	if len(r.KafkaBrokers) > 0 {
		where = "the brokers " + strings.Join(r.KafkaBrokers, ", ")
	}
	words := fmt.Sprintf("write the backup of log %s as of %s, %d records, into %s", r.m.Log, r.m.Cut.Format(time.RFC3339), r.records, where)
	if restore.Begun() {
		words += fmt.Sprintf(", which hold the beginning of it already (%d offsets are left)", restore.Left())
	}
	switch {
	case r.withdraws:
		return words + r.withdrawn(restore)
	case known.Database && signed != "":
		words += ". The database and the file of checkpoints know nothing that the backup lacks"
	case known.Database:
		words += ". The database knows nothing that the backup lacks; there is no file of checkpoints to ask"
	case signed != "":
		words += ". The file of checkpoints knows nothing that the backup lacks; there is no database of this log to ask"
	default:
		words += ". There is neither a database of this log nor a file of its checkpoints, so nobody can tell here whether the log went on behind the backup: " +
			"what it had more is lost, and its versions are given out again. If it may have, use --older: an epoch of the log begins then, so that what " +
			"others have seen of it is not taken for this one"
	}
	return words
}

// write does it, asks the database once more, and records it in the log that is there then.
func (r *restoring) write(ctx context.Context, s streams, restore *backup.Restore, reason domain.Reason) error {
	shown, end := follow(s, "Restore (offsets)")
	err := restore.Write(ctx, shown)
	end()
	if err != nil {
		return interrupted(ctx, err, restoreCut)
	}
	var moved int64
	if _, err = r.known(ctx, restore); err == nil && !r.withdraws {
		moved, err = r.parts.MoveTables(ctx, r.m, restore.TopicIDs())
	}
	if err != nil {
		return fmt.Errorf("the log is written, and the database was left as it is; start nothing on them together: %w", err)
	}
	target := domain.OperatorTarget{Until: &r.m.Cut}
	if r.withdraws {
		if target.Epoch, target.Withdrawn, err = r.begin(ctx, restore, reason); err != nil {
			return err
		}
	}
	if err := r.parts.RecordRestore(ctx, operatorCaller(), target, reason); err != nil {
		return fmt.Errorf("the log is restored, and that is not recorded in it: %w", refused(err))
	}
	fmt.Fprintf(s.Out, "Restored log %s as of %s: %d records.\n", r.m.Log, r.m.Cut.Format(time.RFC3339), r.records)
	if moved > 0 {
		fmt.Fprintf(s.Out, "%d sets of tables go on where they stood.\n", moved)
	}
	if r.withdraws {
		fmt.Fprintf(s.Out, "Epoch %d of the log has begun. The service makes its read models anew from it when it starts.\n", target.Epoch)
	}
	if r.ErasuresFile == "" {
		fmt.Fprintln(s.Out, "LEDGERBOARD_ERASURES_FILE is not set: who was erased since the backup is back. Set it for the service before it starts.")
	}
	fmt.Fprintln(s.Out, "Start the service, and run ledgerboard verify --all: docs/restore.md.")
	return nil
}
