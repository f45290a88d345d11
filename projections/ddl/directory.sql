-- Projection "directory": the last state of each reference entity. It contains no secrets:
-- secret_ref refers to a row of schema kept. told_at is the time of the record.

create table accounts (
  id text not null,
  row_id          bigint  not null,
  parent_account  text, -- null: the account is an agency
  name            text    not null,
  email           text    not null,
  phone           text    not null,
  address         text    not null,
  custom_domain   text    not null,
  white_label_url text    not null,
  colour          text    not null, -- #rrggbb; '': no color
  logo            text    not null, -- PNG or JPEG as a data URI; '': no logo
  time_zone       text    not null, -- IANA name; '': that of the agency, or UTC
  active          boolean not null,
  told_at timestamptz not null
);

create table users (
  id text not null,
  account_id    text    not null,
  name          text    not null,
  email         text    not null,
  phone         text    not null,
  image         text    not null,
  meeting_link  text    not null,
  role          text    not null,
  company       text    not null,
  is_owner      boolean not null,
  active        boolean not null,
  reset_pending boolean not null,
  created_at    timestamptz,
  updated_at    timestamptz,
  told_at timestamptz not null
);

create table orders (
  id text not null,
  buyer          text   not null,
  seller         text   not null,
  product_type   text   not null,
  assigned_users text[] not null,
  told_at timestamptz not null
);

create table sessions (
  id text not null,
  user_id  text        not null,
  login_at timestamptz not null,
  told_at timestamptz not null
);

create table members (
  id         bigint not null,
  account_id text    not null,
  user_id    text, -- null: the member is not a user
  name       text    not null,
  active     boolean not null,
  told_at timestamptz not null
);

create table tMemberAuth (
  id         bigint not null,
  member_id  bigint   not null,
  p_id       smallint not null,
  a_type     smallint not null,
  secret_ref text     not null,
  expires_at timestamptz,
  created_at timestamptz,
  updated_at timestamptz,
  told_at timestamptz not null
);

create table tDefaultAccount (
  member_id         bigint not null,
  social_account_id bigint not null,
  told_at timestamptz not null
);

create table tSAccounts (
  id             bigint not null,
  parent_account text     not null,
  account_id     text     not null,
  member_id      bigint   not null,
  connection_id  bigint   not null,
  p_id           smallint not null,
  a_type         smallint not null,
  external_id    text     not null,
  name           text     not null,
  connected      boolean  not null,
  ended          text     not null, -- why it is no longer connected; '' while it is
  created_at     timestamptz,
  updated_at     timestamptz,
  told_at timestamptz not null
);

create table tContentPlanner (
  id                bigint not null,
  account_id        text   not null,
  social_account_id bigint not null,
  external_id       text   not null,
  c_id              bigint not null,
  scheduled_at      timestamptz,
  told_at timestamptz not null
);

create table tSubscriptions (
  id          bigint not null,
  account_id  text        not null,
  plan        text        not null,
  price_minor bigint,     -- in minor units of the currency, per month
  currency    text        not null,
  starts_at   timestamptz not null,
  ends_at     timestamptz,
  told_at timestamptz not null
);

create table tDefaultCategories (
  id   bigint not null,
  name text not null,
  told_at timestamptz not null
);

-- The planner's statistics contain column values long after the rows are deleted. A statistics
-- target of 0 prevents that for these columns.
alter table accounts
  alter column name set statistics 0, alter column email set statistics 0,
  alter column phone set statistics 0, alter column address set statistics 0;
alter table users
  alter column name set statistics 0, alter column email set statistics 0,
  alter column phone set statistics 0, alter column image set statistics 0,
  alter column meeting_link set statistics 0, alter column company set statistics 0;
alter table members alter column name set statistics 0;
alter table tSAccounts alter column name set statistics 0;

-- +keys

alter table accounts add primary key (id);
create index accounts_parent on accounts (parent_account);
create index accounts_row on accounts (row_id);

alter table users add primary key (id);
create index users_account on users (account_id);

alter table orders add primary key (id);
create index orders_parties on orders (seller, buyer);

alter table sessions add primary key (id);
create index sessions_user on sessions (user_id, login_at);

alter table members add primary key (id);
create index members_account on members (account_id);

alter table tMemberAuth add primary key (id);
create index tMemberAuth_member on tMemberAuth (member_id);

alter table tDefaultAccount add primary key (member_id);

alter table tSAccounts add primary key (id);
create index tSAccounts_tenant on tSAccounts (parent_account, account_id);
create index tSAccounts_member on tSAccounts (member_id);

alter table tContentPlanner add primary key (id);
create index tContentPlanner_post on tContentPlanner (social_account_id, external_id);

alter table tSubscriptions add primary key (id);
create index tSubscriptions_account on tSubscriptions (account_id);

alter table tDefaultCategories add primary key (id);

-- +comments

comment on view accounts is 'Agencies and clients. A client has a parent_account.';
comment on view users is 'The people who sign in. They belong to an agency or a client.';
comment on view orders is 'What a client bought from an agency, and which of its people are assigned: several rows a client.';
comment on view sessions is 'Sign-ins that the main application reported, and none of the console: not all sign-ins of a person.';
comment on view members is 'The members of clients, to whom pages belong.';
comment on view tMemberAuth is 'Grants of the main application. One may be used by several pages: do not count pages by it.';
comment on view tDefaultAccount is 'The default page of each member.';
comment on view tSAccounts is 'Pages and profiles at the platforms, also disconnected ones.';
comment on view tContentPlanner is 'The category of a post, by the planner of the main application.';
comment on view tSubscriptions is 'Periods with a price per month in minor units of the currency. Periods overlap and currencies differ: do not add them up.';
comment on view tDefaultCategories is 'Categories of posts.';
