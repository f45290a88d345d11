package assembly

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pictures"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	// picturesOf is the maximum age of posts whose pictures are loaded: a report of last month
	// contains posts up to 61 days old. The platforms' URLs of older pictures have expired.
	maxPictureAge = 62 * 24 * time.Hour
	// picturesAtOnce limits one round; the next round continues.
	picturesAtOnce = 500
)

type pictureJob struct {
	kept     *vault.Pictures
	contents readmodels.Contents
	taker    *pictures.Taker
	paused   func(context.Context, domain.Platform) (bool, error)
	now      func() time.Time
	log      *slog.Logger
}

// take deletes pictures that were erased or are old, then loads missing ones, starting with the
// newest posts. A picture that cannot be loaded does not affect others.
func (j *pictureJob) take(ctx context.Context) error {
	erased, err := j.contents.ErasedPictures(ctx)
	if err == nil {
		err = j.kept.Forget(ctx, erased)
	}
	if err == nil {
		err = j.kept.ForgetOld(ctx, j.now())
	}
	if err != nil {
		return err
	}
	platforms, err := j.platforms(ctx)
	if err != nil {
		return err
	}
	wanted, err := j.contents.PicturesWanted(ctx, readmodels.PicturesQuery{
		Since: j.now().Add(-maxPictureAge), Now: j.now(), Platforms: platforms, Keys: j.kept.KeyIDs(), Limit: picturesAtOnce,
	})
	if err != nil {
		return err
	}
	missing := 0
	for _, one := range wanted {
		if ctx.Err() != nil {
			break
		}
		taken, err := j.one(ctx, one)
		if err != nil {
			return err
		}
		if !taken {
			missing++
		}
	}
	if missing > 0 {
		j.log.InfoContext(ctx, "cannot load pictures of posts; placeholders are shown", "wanted", len(wanted), "missing", missing)
	}
	return ctx.Err()
}

// platforms returns the platforms that are not paused.
func (j *pictureJob) platforms(ctx context.Context) (all []domain.Platform, err error) {
	for _, platform := range domain.Platforms() {
		paused, err := j.paused(ctx, platform)
		if err != nil {
			return nil, fmt.Errorf("ask whether %s is paused: %w", platform, err)
		}
		if !paused {
			all = append(all, platform)
		}
	}
	return all, nil
}

// one loads one picture. It returns an error only for faults of this service.
func (j *pictureJob) one(ctx context.Context, wanted readmodels.PictureWanted) (taken bool, err error) {
	started, err := j.kept.Begin(ctx, wanted.PostRef, j.now())
	if err != nil || !started {
		return !started, err
	}
	picture, err := j.taker.Take(ctx, wanted.MediaURL)
	if err == nil {
		return true, j.kept.Keep(ctx, wanted.PostRef, picture)
	}
	if ctx.Err() != nil { // the round has ended; this says nothing about the picture
		return false, ctx.Err()
	}
	j.log.DebugContext(ctx, "cannot load picture", "social_account", wanted.SocialAccount, "platform", wanted.Platform.String(), "error", err)
	if pictures.IsPermanent(err) {
		return false, j.kept.GiveUp(ctx, wanted.PostRef)
	}
	return false, nil
}
