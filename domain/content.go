package domain

import (
	"cmp"
	"fmt"
	"strings"
)

// PostTexts is the personal content of a post. In the log, only topic `contents` holds it.
type PostTexts struct {
	Content   string `json:"content,omitempty"`   // text of the post
	MediaURL  string `json:"media_url,omitempty"` // URL of the post's picture or video, which may expire
	Permalink string `json:"permalink,omitempty"` // URL of the post on the platform
}

// Same reports whether p equals the texts of an earlier listing. Media addresses are compared by
// path, because platforms return a new signature and host with each request.
func (p PostTexts) Same(before PostTexts) bool {
	return p.Content == before.Content && p.Permalink == before.Permalink &&
		mediaPath(p.MediaURL) == mediaPath(before.MediaURL)
}

func mediaPath(address string) string {
	address, _, _ = strings.Cut(address, "?")
	_, rest, found := strings.Cut(address, "://")
	if !found {
		return address
	}
	_, path, _ := strings.Cut(rest, "/")
	return path
}

// PostRef identifies a post of an agency, whichever of its clients registered it.
type PostRef struct {
	ParentAccount string `json:"parent_account"`    // agency, 24 hex digits
	SocialAccount int64  `json:"social_account_id"` // the connected profile or page, by its id
	ExternalID    string `json:"external_id"`       // the platform's id of the post
}

// PostRefOf returns the reference of a registered post.
func PostRefOf(p PostRegistered) PostRef {
	return PostRef{p.ParentAccount, p.SocialAccount, p.ExternalID}
}

// PostContent holds the latest texts of a post from one origin. The ce_time of its record is when
// the origin reported the texts. The main application's values take precedence over the listing's,
// field by field.
type PostContent struct {
	PostRef
	// AccountID is the client for which the texts were reported, 24 hex digits. Clients that owned
	// the page at another time do not see them.
	AccountID string     `json:"account_id"`
	Origin    PostOrigin `json:"origin"`
	PostTexts
}

// EventType implements [Data].
func (PostContent) EventType() string { return "contents.post.v1" }

// Key returns the log key of the content. It includes the origin because compaction keeps one
// record per key and neither origin knows the other's values. A tombstone erases the content.
func (p PostContent) Key() string { return p.ContentKey(p.Origin) }

// ContentKey returns the log key of the post's content from an origin.
func (p PostRef) ContentKey(origin PostOrigin) string {
	return p.ParentAccount + ":" + string(origin) + ":" + PostID(p.SocialAccount, p.ExternalID)
}

// SplitContentKey parses a [PostRef.ContentKey].
func SplitContentKey(key string) (r PostRef, origin PostOrigin, err error) {
	parent, rest, _ := strings.Cut(key, ":")
	originName, post, _ := strings.Cut(rest, ":")
	social, external, ok := SplitPostID(post)
	r, origin = PostRef{parent, social, external}, PostOrigin(originName)
	if !ok {
		return r, origin, fmt.Errorf("content key %q is not <agency>:<origin>:<social account>:<id of the post>", key)
	}
	return r, origin, cmp.Or(checkHexID("agency ", parent), checkOrigin(origin), validateExternalID(external))
}

// Validate checks what a fold depends on.
func (p PostContent) Validate() error {
	return cmp.Or(
		checkPositive(p.SocialAccount),
		checkHexID("parent_account ", p.ParentAccount), checkHexID("account_id ", p.AccountID),
		checkOrigin(p.Origin), validateExternalID(p.ExternalID),
	)
}

func checkOrigin(origin PostOrigin) error {
	if origin != OriginListing && origin != OriginMainApp {
		return fmt.Errorf("origin %q is neither %q nor %q", origin, OriginListing, OriginMainApp)
	}
	return nil
}
