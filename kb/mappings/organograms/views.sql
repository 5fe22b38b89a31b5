-- A post as each snapshot shows it. Posts keep their number from one snapshot to the next, but titles,
-- grades and reporting lines change: each spell in which they stay the same is a post of its own.
CREATE TABLE snapshots AS
SELECT organisation, snapshot, lead(snapshot) OVER (PARTITION BY organisation ORDER BY snapshot) AS next,
  row_number() OVER (PARTITION BY organisation ORDER BY snapshot) AS nth
FROM (SELECT DISTINCT organisation, snapshot FROM senior_posts);

CREATE MACRO post_iri(organisation, post) AS
  'https://w3id.org/holdfast/id/post/' || slug(organisation) || '/' || slug(post);

CREATE TABLE seen AS
SELECT organisation, post, snapshot, any_value(uri) AS uri, any_value(grade) AS grade,
  any_value(coalesce(job_title, 'Post ' || post)) AS title, max(coalesce(reports_to, 'XX')) AS reports_to,
  max(fte) AS fte, min_by(_source, _row) AS _source
FROM senior_posts GROUP BY ALL;

CREATE TABLE spells AS
WITH runs AS (
  SELECT seen.*, nth, next, nth - row_number() OVER (
    PARTITION BY organisation, post, grade, title, reports_to, fte ORDER BY nth) AS run
  FROM seen JOIN snapshots USING (organisation, snapshot))
SELECT organisation, post, grade, title, reports_to, fte, min(snapshot) AS since,
  arg_max_null(next, snapshot) AS until, min_by(_source, snapshot) AS _source, any_value(uri) AS uri,
  post_iri(organisation, post) || '/' || min(snapshot) AS iri
FROM runs GROUP BY organisation, post, grade, title, reports_to, fte, run;

CREATE VIEW senior AS
SELECT *, CASE WHEN reports_to = 'XX' THEN 'chief-officer' ELSE 'senior-officer' END AS rank
FROM spells;

-- A post answers to the one of that number that was there at the same time.
CREATE VIEW lines AS
SELECT DISTINCT below.iri, above.iri AS superior, below._source
FROM spells below JOIN spells above
  ON above.organisation = below.organisation AND above.post = below.reports_to
    AND above.post <> below.post
    AND above.since < coalesce(below.until, DATE '9999-01-01')
    AND below.since < coalesce(above.until, DATE '9999-01-01');

-- Junior posts alike, in one snapshot, under one senior post, are one group with their working time.
CREATE VIEW junior AS
WITH told AS (
  SELECT organisation, coalesce(reporting_senior_post, 'none') AS above, grade,
    coalesce(generic_title, 'Junior posts') AS title, snapshot, sum(fte) AS fte,
    min_by(_source, _row) AS _source
  FROM junior_posts GROUP BY ALL)
SELECT post_iri(told.organisation, above) || '/' || snapshot || '/'
    || slug(coalesce(told.grade, 'no-grade') || '-' || told.title) AS iri,
  any_value(told.organisation) AS organisation, any_value(told.grade) AS grade,
  any_value(told.title) AS title, snapshot, any_value(snapshots.next) AS next,
  sum(told.fte) AS fte, any_value(spells.iri) AS superior, min(told._source) AS _source
FROM told JOIN snapshots USING (organisation, snapshot)
  LEFT JOIN spells ON spells.organisation = told.organisation AND spells.post = above
    AND spells.since <= snapshot AND snapshot < coalesce(spells.until, DATE '9999-01-01')
GROUP BY 1, snapshot;

CREATE VIEW bodies AS
SELECT 'https://w3id.org/holdfast/id/body/' || slug(organisation) AS iri,
  mode(organisation) AS label,
  CASE WHEN slug(mode(parent_department)) <> slug(organisation)
    THEN 'https://w3id.org/holdfast/id/body/' || slug(mode(parent_department)) END AS parent,
  mode(parent_department) AS parent_label, min_by(_source, _row) AS _source
FROM senior_posts GROUP BY slug(organisation);

CREATE VIEW departments AS
SELECT parent AS iri, any_value(parent_label) AS label, min(_source) AS _source FROM bodies
WHERE parent IS NOT NULL AND parent NOT IN (SELECT iri FROM bodies) GROUP BY parent;
