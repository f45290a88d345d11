-- The tables of the old system, as its documents describe them, with the rows that the tests import. DATETIME
-- columns hold the time of Berlin; TIMESTAMP columns are written in the zone of the session.
set time_zone = 'Europe/Berlin';
create table tMemberAuth (
  id int primary key, memberId int, pId tinyint, aType tinyint, accessToken text, refreshToken text,
  expiresAt datetime, createdAt datetime, updatedAt datetime);
create table tSPosts (
  id int primary key, accountId int, memberId int, sAccountId int, pId tinyint, postId varchar(64), cId int, type varchar(16),
  content text character set utf8mb4, mediaUrl text, permalink text, publishedAt datetime, createdAt datetime);
create table tSAccountIns (
  id int primary key, accountId int, memberId int, sAccountId int, pId tinyint, aType tinyint, followers bigint, engagement bigint,
  impressions bigint, views bigint, reach bigint, posts int, likes bigint, createdAt datetime);
create table tSPostInsights (
  id int primary key, sAccountId int, pId tinyint, postId varchar(64), likes bigint, comments bigint, shares bigint, views bigint,
  impressions bigint, reach bigint, clicks bigint, createdAt timestamp);
insert into tMemberAuth values
  (71, 7, 1, 0, 'invented-page-token-1', null, null, '2023-05-01 10:00:00', '2024-01-01 10:00:00'),
  (72, 7, 6, 0, 'invented-tiktok-token', 'invented-tiktok-refresh', '2024-03-03 10:00:00', '2023-05-01 10:00:00', '2024-03-03 08:00:00'),
  (73, 7, 4, 1, null, null, '2024-03-03 10:00:00', '2023-05-01 10:00:00', '2023-07-01 10:00:00');
insert into tSPosts values
  (1, 11, 7, 701, 1, '100200300_1', 0, 'photo', 'Rye, "spelt"; and\tthe dark one \\o/\nevery morning 🍞', null, 'https://example.com/1',
    '2023-12-24 09:00:00', '2023-12-24 08:00:00'),
  (2, 11, 7, 701, 1, '100200300_2', null, 'video', 'Open on Sunday', null, 'https://example.com/2',
    '2024-03-01 09:00:00', '2024-03-01 08:00:00');
insert into tSAccountIns values
  (1, 11, 7, 701, 1, 0, 1204, 88, 5012, 5012, null, 42, null, '2024-03-01 00:10:00'),
  (2, 11, 7, 701, 1, 0, 1210, 91, 5100, 5100, null, 42, null, '2024-03-02 00:10:00'),
  (3, 11, 7, 702, 6, 0, 900, null, null, null, null, 17, 20311, '2024-03-01 00:10:30');
insert into tSPostInsights values
  (1, 701, 1, '100200300_2', 10, 2, 1, 400, null, null, null, '2024-03-02 12:00:00'),
  (2, 701, 1, '100200300_2', 15, 1, 1, 900, null, 310, null, '2024-03-03 12:00:00'),
  (3, 701, 1, '100200300_1', 99, null, null, null, null, null, null, '2024-03-03 12:00:00');
