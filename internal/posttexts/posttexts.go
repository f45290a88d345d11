package posttexts

// Columns select content, media_url and permalink (text, null: not known) of one post from the rows c of post_contents, all of
// them the post's: what the main application says stands before the listing, field by field. They are aggregates, so that a post
// of which nothing was said has a row too.
const Columns = `coalesce(max(c.content) filter (where c.origin = 'main_app'), max(c.content)) as content,
			       coalesce(max(c.media_url) filter (where c.origin = 'main_app'), max(c.media_url)) as media_url,
			       coalesce(max(c.permalink) filter (where c.origin = 'main_app'), max(c.permalink)) as permalink`
