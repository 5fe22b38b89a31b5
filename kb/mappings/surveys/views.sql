-- Each score as a mean over the statements of its dimension.
CREATE VIEW means AS
SELECT *, round(score / coalesce(statements, 1), 4) AS mean,
  left(md5(concat_ws('|', instrument, venture, partner, date, dimension)), 16) AS number
FROM scores;

CREATE VIEW counted AS FROM means WHERE respondents IS NOT NULL;

CREATE VIEW scores_on_scale AS
SELECT means.* FROM means LEFT JOIN dimensions USING (instrument, dimension)
WHERE least IS NULL OR mean BETWEEN least AND most;
