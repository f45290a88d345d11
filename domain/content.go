package domain

import (
	"cmp"
	"fmt"
	"strings"
)

// PostTexts are what a post says and where it is shown: personal content, which lies on topic `contents` alone.
type PostTexts struct {
	Content   string `json:"content,omitempty"`   // its text
	MediaURL  string `json:"media_url,omitempty"` // of its picture or video; may expire at the platform
	Permalink string `json:"permalink,omitempty"` // its address at the platform
}

// Same tells whether what a platform lists now says nothing new. A media address counts by its path: platforms sign it anew, and
// name another of their hosts, whenever they are asked.
func (t PostTexts) Same(before PostTexts) bool {
	return t.Content == before.Content && t.Permalink == before.Permalink && mediaPath(t.MediaURL) == mediaPath(before.MediaURL)
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

// PostRef names a post as one agency has it, whichever of its clients registered it: the owner of content is the agency with the
// social account.
type PostRef struct {
	ParentAccount string `json:"parent_account"` // agency, 24 hex digits
	SocialAccount int64  `json:"social_account_id"`
	ExternalID    string `json:"external_id"` // the platform's id of the post
}

// RefOf names the post that a registration is about.
func RefOf(p PostRegistered) PostRef { return PostRef{p.ParentAccount, p.SocialAccount, p.ExternalID} }

// PostContent is what one origin last said of a post's texts; the key of its record is [PostContent.Key]. Its ce_time is when the origin
// said so. What the main application says stands before what the listing says, field by field.
type PostContent struct {
	PostRef
	AccountID string     `json:"account_id"` // client under whom it was said, 24 hex digits: another one who had the page is not shown it
	Origin    PostOrigin `json:"origin"`
	PostTexts
}

// EventType implements [Data].
func (PostContent) EventType() string { return "contents.post.v1" }

// Key is the log key of the content: agency, origin and post id. The origin is part of it because compaction keeps one record of a key,
// and neither origin knows what the other one says. A record with an empty value (a tombstone) under it erases the content.
func (c PostContent) Key() string { return c.ContentKey(c.Origin) }

// ContentKey is the log key of what an origin says of the post.
func (r PostRef) ContentKey(origin PostOrigin) string {
	return r.ParentAccount + ":" + string(origin) + ":" + PostID(r.SocialAccount, r.ExternalID)
}

// SplitContentKey takes a [PostRef.ContentKey] apart.
func SplitContentKey(key string) (r PostRef, origin PostOrigin, err error) {
	parent, rest, _ := strings.Cut(key, ":")
	from, post, _ := strings.Cut(rest, ":")
	social, external, ok := SplitPostID(post)
	r, origin = PostRef{parent, social, external}, PostOrigin(from)
	if !ok {
		return r, origin, fmt.Errorf("content key %q is not <agency>:<origin>:<social account>:<id of the post>", key)
	}
	return r, origin, cmp.Or(checkHexID("agency ", parent), checkOrigin(origin), validateExternalID(external))
}

// Validate checks what a fold relies on.
func (c PostContent) Validate() error {
	return cmp.Or(checkPositive(c.SocialAccount), checkHexID("parent_account ", c.ParentAccount), checkHexID("account_id ", c.AccountID), checkOrigin(c.Origin), validateExternalID(c.ExternalID))
}

func checkOrigin(origin PostOrigin) error {
	if origin != OriginListing && origin != OriginMainApp {
		return fmt.Errorf("origin %q is neither %q nor %q", origin, OriginListing, OriginMainApp)
	}
	return nil
}
