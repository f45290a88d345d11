package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/backup"
)

type backupCommand struct {
	installation
	To    string `xor:"what" required:"" placeholder:"DIR" help:"Copy the log into this directory. If the directory already contains a backup of the same log, add the records that were written after that backup."`
	Check string `xor:"what" required:"" placeholder:"DIR" help:"Check every byte of the backup in this directory against its manifest. Requires neither log nor database."`
	JSON  bool   `help:"Print a JSON object."`
}

var errBackupFindings = exitError{"the backup is damaged: do not restore from it. While the log is available, " +
	"make a full backup in another directory (ledgerboard backup --to)", exitFindings}

// Messages of an interrupted backup or restore.
const (
	backupCut  = "the last backup in this directory is unchanged; run the command again"
	restoreCut = "the log is incomplete. Restore again with another LEDGERBOARD_TOPIC_PREFIX; do not start a service before that"
)

func (b backupCommand) Run(ctx context.Context, std streams) error {
	if b.Check != "" {
		return interruptedError(ctx, b.check(ctx, std), nothingDone)
	}
	err := b.withExistingParts(std, func(parts *app.Parts) error { return b.copy(ctx, std, parts) })
	return interruptedError(ctx, err, backupCut)
}

func (b backupCommand) copy(ctx context.Context, std streams, parts *app.Parts) error {
	log, topics, err := parts.BackupSource(ctx)
	if err != nil {
		return err
	}
	bar := progress{out: std.Err, label: "Backup (offsets)"}
	report, err := backup.Run(ctx, backup.Config{
		Dir: b.To, Log: log, Topics: topics, Tool: thisBuild().String(), Now: time.Now, Progress: bar.reach,
	})
	bar.end()
	if err != nil {
		return err
	}
	if err := parts.NoteBackup(ctx, time.Now()); err != nil { // the backup itself is complete
		fmt.Fprintf(std.Err, "The metrics do not show the age of this backup: %v\n", err)
	}
	return say(std.Out, b.JSON, report,
		"Backed up the log to %s: %d records read; the backup has %d segments with %d bytes.\n"+
			"Also back up the database schema kept and the keys: see docs/restore.md.\n",
		b.To, report.Records, report.Segments, report.Bytes)
}

type checkReport struct {
	FinishedAt time.Time `json:"finished_at"`
	Records    int64     `json:"records"`
	Segments   int       `json:"segments"`
	Bytes      int64     `json:"bytes"`
	Whole      bool      `json:"whole"`
	Findings   []string  `json:"findings"`
}

func (b backupCommand) check(ctx context.Context, std streams) error {
	bar := progress{out: std.Err, label: "Check (bytes)"}
	found, err := backup.Check(ctx, b.Check, bar.reach)
	bar.end()
	if errors.Is(err, backup.ErrNoBackup) || errors.Is(err, backup.ErrInUse) || ctx.Err() != nil {
		return err
	}
	report := checkReport{
		Records: found.Records, Segments: found.Segments, Bytes: found.Bytes, Whole: err == nil, Findings: []string{},
	}
	if found.Manifest != nil {
		report.FinishedAt = found.Manifest.Finished
	}
	for _, fault := range found.Faults {
		report.Findings = append(report.Findings, fault.Error())
	}
	err = show(std.Out, b.JSON, report, func() { report.print(std.Out) })
	if err == nil && !report.Whole {
		err = errBackupFindings
	}
	return err
}

func (c checkReport) print(out io.Writer) {
	for _, finding := range c.Findings {
		fmt.Fprintln(out, finding)
	}
	if c.Whole {
		fmt.Fprintf(out, "The backup of %s is complete: %d records in %d segments, %d bytes. "+
			"This check cannot detect that the files and the manifest were changed together; "+
			"run 'ledgerboard verify' after a restore.\n",
			c.FinishedAt.Format(time.RFC3339), c.Records, c.Segments, c.Bytes)
	}
}
