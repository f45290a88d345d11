package api

import (
	"context"
	"net/http"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PictureReader reads the copies of posts' pictures.
type PictureReader interface {
	// Picture returns the picture of a post as a JPEG, or an error with the code not_found.
	Picture(ctx context.Context, post domain.PostRef) ([]byte, error)
}

// mediaJPEG is the type of all pictures: they are of our own encoding.
const mediaJPEG = "image/jpeg"

var errNoPicture = domain.NewError(domain.CodeNotFound, "There is no picture of this post. Draw a letter in its place.")

// getPicture answers the picture of a post to callers who may see the post. A post with erased texts has no picture, even if one is stored.
func (s *Server) getPicture(w http.ResponseWriter, r *http.Request, id string) error {
	scope, err := s.scope(r.Context(), readmodels.Narrowing{})
	if err != nil {
		return err
	}
	post, err := s.deps.Analytics.Activity(r.Context(), scope, id)
	if err != nil {
		return err
	}
	if post.MediaURL == nil || s.deps.Pictures == nil {
		return errNoPicture
	}
	of := domain.PostRef{ParentAccount: scope.ParentAccount, SocialAccount: post.SocialAccount, ExternalID: string(post.ExternalID)}
	picture, err := s.deps.Pictures.Picture(r.Context(), of)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", mediaJPEG)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	writeTagged(w, r, picture)
	return nil
}
