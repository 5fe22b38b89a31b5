-- Addresses are made of references and names, so that the same register gives the same addresses.
CREATE MACRO base() AS regexp_replace(register_iri(), '/+$', '');

CREATE VIEW keeper AS
SELECT base() || '/organisation/' || slug(regexp_replace(Council, '^Example: ', '')) AS iri,
  regexp_replace(Council, '^Example: ', '') AS label, "Council code" AS code, _source
FROM register ORDER BY _row LIMIT 1;

CREATE VIEW ventures AS
SELECT *, base() || '/' || slug(Reference) AS iri,
  base() || '/area/' || slug(Area) AS area_iri,
  base() || '/service/' || slug("Service area") AS topic_iri,
  (SELECT iri FROM keeper) AS council
FROM partnerships WHERE NOT starts_with(Reference, 'Example:');

CREATE VIEW members AS
SELECT partners.*, base() || '/' || slug(partners.Reference) AS venture,
  base() || '/organisation/' || slug(Organisation) AS organisation_iri,
  base() || '/' || slug(partners.Reference) || '/partner/' || slug(Organisation)
    || coalesce('/' || Joined, '') AS iri
FROM partners SEMI JOIN ventures USING (Reference);

CREATE VIEW remarks AS
UNPIVOT (
  SELECT iri AS venture, _source, Governance, Reporting, Liabilities, Risks, Targets,
    "Exit arrangements",
    regexp_replace(CAST("Total annual budget" AS VARCHAR), '\.?0+$', '') AS "Total annual budget"
  FROM ventures)
ON Governance, Reporting, Liabilities, Risks, Targets, "Exit arrangements", "Total annual budget"
INTO NAME about VALUE words;

CREATE VIEW absences AS
SELECT iri, 'TermsOfReference' AS kind, _source FROM ventures WHERE "Terms of reference" = 'no'
UNION ALL SELECT iri, 'Review', _source FROM ventures WHERE "Ever reviewed" = 'no';

CREATE VIEW money AS
SELECT iri AS venture, iri || '/funding/council' AS iri, council AS payer,
  "Funding contribution" AS amount, Started AS started, Ended AS ended, _source
FROM ventures WHERE "Funding contribution" > 0
UNION ALL
SELECT venture, iri || '/funding', organisation_iri, "Funding contribution", Joined, "Left", _source
FROM members WHERE "Funding contribution" > 0;
