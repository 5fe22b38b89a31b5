-- One row for each project; its particulars stand in each of its participations.
CREATE VIEW projects AS
SELECT rcn, count(DISTINCT pic) AS members,
  any_value(start_date) AS started, any_value(end_date) AS ended,
  any_value(max_contribution) AS amount, min_by(_source, _row) AS _source
FROM participations GROUP BY rcn;

CREATE VIEW ventures AS FROM projects WHERE members > 1;

CREATE VIEW others AS FROM projects WHERE members = 1;

-- A project may stand in this table and have no participations, and then no more is known of it.
CREATE VIEW parts AS
SELECT rcn, programme_part, slug(programme_part) AS part, _source
FROM programme_parts SEMI JOIN projects USING (rcn);

CREATE VIEW themes AS
SELECT part, any_value(programme_part) AS label FROM parts GROUP BY part;

-- Where an organisation is described in several ways, the usual one counts.
CREATE VIEW participants AS
SELECT pic, mode(country) AS country, mode(type) AS kind, min_by(_source, _row) AS _source
FROM participations GROUP BY pic;

CREATE VIEW named AS
SELECT participants.pic,
  coalesce(name, 'Organisation ' || participants.pic || ' in ' || country) AS label,
  country,
  CASE kind WHEN 'HES' THEN 'academic-institution' WHEN 'REC' THEN 'research-organisation'
    WHEN 'PRC' THEN 'company' WHEN 'PUB' THEN 'public-body' END AS kind,
  CASE kind WHEN 'HES' THEN 'academic' WHEN 'REC' THEN 'academic' WHEN 'PRC' THEN 'private' END
    AS sector,
  coalesce(organisations._source, participants._source) AS _source
FROM participants LEFT JOIN organisations USING (pic);

CREATE VIEW memberships AS
SELECT rcn, pic, role, contribution AS receives, _source,
  CASE role WHEN 'coordinator' THEN 'lead' ELSE 'ordinary-member' END AS part
FROM participations;

CREATE VIEW grants AS FROM projects WHERE amount IS NOT NULL;
